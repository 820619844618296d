import { mirrorAddress } from '@cloud-mirror/client';
import { Command } from 'commander';
import { CommandError, UsageError } from '../command-interface.ts';
import type { CommandContext } from '../command-interface.ts';
import { mirrorOption, mirrorUrl, operatorToken, tokenFileOption } from '../command-options.ts';
import { jsonObject } from '../http-client.ts';
import { callAsOperator } from '../operator-call.ts';
import { jsonLine } from '../terminal-output.ts';

interface FlushOptions {
  readonly service?: string;
  readonly region?: string;
  readonly mirror?: string;
  readonly tokenFile?: string;
  readonly json?: true;
}

/** `flush`: drops entries; keeps copies and purge markers. */
export function flushCommand(context: CommandContext): Command {
  return new Command('flush')
    .description(
      'drops entries and keeps the copies: the next request of each object checks the store (scope flush)',
    )
    .option('--service <name>', 'only this service')
    .option('--region <name>', 'only this region of the service')
    .addOption(mirrorOption())
    .addOption(tokenFileOption())
    .option('--json', 'print the response of the mirror unchanged')
    .action((options: FlushOptions) => flush(options, context));
}

async function flush(options: FlushOptions, context: CommandContext): Promise<void> {
  const { service, region } = options;
  if (region !== undefined && service === undefined)
    throw new UsageError('--region without --service names no back end; give --service as well');
  const scope = [service, region].filter((name) => name !== undefined);
  const { status, text } = await callAsOperator({
    method: 'DELETE',
    address: mirrorAddress(mirrorUrl(options.mirror, context), ['v1', 'cache', ...scope]),
    token: await operatorToken(options.tokenFile, context),
    signal: context.signal,
  });
  const forgotten = jsonObject(text)?.['forgotten'];
  if (typeof forgotten !== 'number')
    throw new CommandError(`the mirror answered ${status} without a count; is it a Cloud Mirror?`);
  const where = scope.length === 0 ? 'every back end' : scope.join('/');
  const entries = forgotten === 1 ? '1 entry' : `${forgotten} entries`;
  context.stdout.write(options.json ? jsonLine(text) : `forgot ${entries} of ${where}\n`);
}
