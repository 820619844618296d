import { mirrorAddress, originParameter } from '@cloud-mirror/client';
import { Command } from 'commander';
import type { CommandContext } from '../command-interface.ts';
import { mirrorOption, mirrorUrl, operatorToken, tokenFileOption } from '../command-options.ts';
import { callAsOperator } from '../operator-call.ts';
import { describeStatus, statusReports } from '../status-report.ts';
import { jsonLine } from '../terminal-output.ts';

interface StatusOptions {
  readonly service: string;
  readonly region: string;
  readonly mirror?: string;
  readonly tokenFile?: string;
  readonly json?: true;
}

/** `status`: shows the state of an object, in one region or in all. Does not start a copy. */
export function statusCommand(context: CommandContext): Command {
  return new Command('status')
    .description('shows the state of an object, and where a client would be redirected (scope read)')
    .argument('<origin>', 'the origin URL')
    .requiredOption('--service <name>', 'service, such as s3')
    .requiredOption('--region <name>', 'region, or all')
    .addOption(mirrorOption())
    .addOption(tokenFileOption())
    .option('--json', 'print the response of the mirror unchanged')
    .action((origin: string, options: StatusOptions) => status(origin, options, context));
}

async function status(origin: string, options: StatusOptions, context: CommandContext): Promise<void> {
  const { service, region } = options;
  const { text } = await callAsOperator({
    method: 'GET',
    address: mirrorAddress(mirrorUrl(options.mirror, context), [
      'v1',
      'status',
      service,
      region,
      originParameter(origin),
    ]),
    token: await operatorToken(options.tokenFile, context),
    signal: context.signal,
  });
  const human = (): string => statusReports(text).map(describeStatus).join('\n');
  context.stdout.write(options.json ? jsonLine(text) : human());
}
