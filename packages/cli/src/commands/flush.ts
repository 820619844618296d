import { mirrorAddress } from '@cloud-mirror/client';
import { Command } from 'commander';
import { jsonObject } from '../answer-body.ts';
import type { CommandContext } from '../command-context.ts';
import { CommandError, UsageError } from '../command-error.ts';
import { mirrorOption, mirrorUrl } from '../mirror-option.ts';
import { callAsOperator } from '../operator-call.ts';
import { operatorToken, tokenFileOption } from '../operator-token.ts';

interface FlushOptions {
  readonly service?: string;
  readonly region?: string;
  readonly mirror?: string;
  readonly tokenFile?: string;
  readonly json?: true;
}

/** `flush`: forgets what the entry store knows; copies and purges stay. */
export function flushCommand(context: CommandContext): Command {
  return new Command('flush')
    .description('forgets entries and keeps the copies: the next request of each object looks (scope flush)')
    .option('--service <name>', 'this service only')
    .option('--region <name>', 'this region of the service only')
    .addOption(mirrorOption())
    .addOption(tokenFileOption())
    .option('--json', 'print the answer as it is')
    .action((options: FlushOptions) => flush(options, context));
}

async function flush(options: FlushOptions, context: CommandContext): Promise<void> {
  const { service, region } = options;
  if (region !== undefined && service === undefined)
    throw new UsageError('--region alone names no back end; give --service as well');
  const scope = [service, region].filter((name) => name !== undefined);
  const { status, text } = await callAsOperator({
    method: 'DELETE',
    address: mirrorAddress(mirrorUrl(options.mirror, context), ['v1', 'cache', ...scope]),
    token: await operatorToken(options.tokenFile, context),
    signal: context.signal,
  });
  const forgotten = jsonObject(text)?.['forgotten'];
  if (typeof forgotten !== 'number')
    throw new CommandError(`the mirror answered ${status} with no count; is it a Cloud Mirror?`);
  const where = scope.length === 0 ? 'every back end' : scope.join('/');
  const entries = forgotten === 1 ? '1 entry' : `${forgotten} entries`;
  context.stdout.write(options.json ? `${text.trim()}\n` : `forgot ${entries} of ${where}\n`);
}
