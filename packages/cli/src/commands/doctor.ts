import { Command } from 'commander';
import { CommandError } from '../command-interface.ts';
import type { CommandContext } from '../command-interface.ts';
import { readConfig } from '../command-options.ts';
import { jsonReport, overallStatus, textReport } from '../doctor/report.ts';
import { CHECK_GROUPS, runChecks } from '../doctor/run-checks.ts';

/** `doctor`: checks a configuration against the live parts that it names. */
export function doctorCommand(context: CommandContext): Command {
  return new Command('doctor')
    .description('checks a configuration against the live Redis, queues and stores, and suggests remedies')
    .option('--config <file>', 'the configuration file (default: CLOUD_MIRROR_CONFIG)')
    .option('--json', 'print one line of JSON')
    .addHelpText(
      'after',
      '\nExit status: 0 no failure (warnings are allowed), 1 at least one failure, 2 wrong usage or configuration.',
    )
    .action((options: { config?: string; json?: boolean }) => doctor(options, context));
}

async function doctor(
  { config: file, json = false }: { readonly config?: string; readonly json?: boolean },
  context: CommandContext,
): Promise<void> {
  const config = await readConfig(file, context);
  const { openAdapters } = await import('@cloud-mirror/mirror');
  const { createLogger, logForeignOutput, programVersion } = await import('@cloud-mirror/program');
  // Silent, because the findings report everything.
  const logger = createLogger({ level: 'silent', program: 'cloud-mirror', version: programVersion() });
  logForeignOutput(logger);
  await using adapters = await openAdapters(config, { logger });
  const findings = await runChecks(CHECK_GROUPS, { config, adapters, signal: context.signal });
  context.stdout.write(json ? jsonReport(findings) : textReport(findings));
  if (overallStatus(findings) !== 'failure') return;
  const parts = new Set(findings.filter(({ status }) => status === 'failure').map(({ part }) => part));
  throw new CommandError(`failures: ${[...parts].join(', ')}`);
}
