import type { AuditReport } from '@cloud-mirror/program';
import { Command } from 'commander';
import { CommandError, UsageError } from '../command-interface.ts';
import type { CommandContext } from '../command-interface.ts';

/** `audit verify`: checks numbers and chain of an audit file. */
export function auditCommand(context: CommandContext): Command {
  return new Command('audit').description("the audit stream of operators' calls").addCommand(
    new Command('verify')
      .description('checks that no line of an audit file was changed, removed or inserted')
      .argument('<file>', 'the file that audit.file names, or a rotated one')
      .action(async (file: string) => {
        const { verifyAuditFile } = await import('@cloud-mirror/program');
        const report = await verifyAuditFile(file).catch((error: unknown) => {
          throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : ''}`);
        });
        context.stdout.write(described(report));
        if (report.faults.length > 0) throw new CommandError(`the chain of ${file} is broken`);
      }),
  );
}

function described({ lines, last, interrupted, faults }: AuditReport): string {
  return [
    `${lines} lines`,
    ...(last === null ? [] : [`last line: number ${last.seq}, SHA-256 ${last.digest}`]),
    ...(interrupted.length === 0
      ? []
      : [`begun and not ended (interrupted, or under way): ${interrupted.join(', ')}`]),
    ...faults.map(({ line, what }) => `line ${line}: ${what}`),
    '',
  ].join('\n');
}
