import { mirrorAddress, originParameter } from '@cloud-mirror/client';
import { Command } from 'commander';
import { CommandError } from '../command-interface.ts';
import type { CommandContext } from '../command-interface.ts';
import { mirrorOption, mirrorUrl, operatorToken, tokenFileOption } from '../command-options.ts';
import { headerText, jsonObject } from '../http-client.ts';
import { callAsOperator, refusal } from '../operator-call.ts';
import type { OperatorAnswer } from '../operator-call.ts';
import { jsonLine, printable } from '../terminal-output.ts';

interface PurgeOptions {
  readonly service: string;
  readonly region: string;
  readonly mirror?: string;
  readonly tokenFile?: string;
  readonly json?: true;
}

interface RegionResult {
  readonly backend: string;
  readonly purged: boolean;
  readonly error: string | null;
  /** false if there was neither a copy nor an entry. */
  readonly found?: unknown;
}

/** `purge`: removes the copy of an object, in one region or in all. Fails if one region fails. */
export function purgeCommand(context: CommandContext): Command {
  return new Command('purge')
    .description('removes the copy of an object; the next request starts a new copy (scope purge)')
    .argument('<origin>', 'the origin URL')
    .requiredOption('--service <name>', 'service, such as s3')
    .requiredOption('--region <name>', 'region, or all')
    .addOption(mirrorOption())
    .addOption(tokenFileOption())
    .option('--json', 'print the response of the mirror unchanged')
    .action((origin: string, options: PurgeOptions) => purge(origin, options, context));
}

async function purge(origin: string, options: PurgeOptions, context: CommandContext): Promise<void> {
  const { service, region } = options;
  const answer = await callAsOperator({
    method: 'DELETE',
    address: mirrorAddress(mirrorUrl(options.mirror, context), [
      'v1',
      'purge',
      service,
      region,
      originParameter(origin),
    ]),
    token: await operatorToken(options.tokenFile, context),
    signal: context.signal,
    // For region `all`, it lists the regions that failed.
    alsoAnswers: [503],
  });
  const { status, text } = answer;
  const results = status === 204 ? [onlyResult(`${service}/${region}`, answer)] : regionResults(text);
  if (results === null && status === 503) throw refusal(answer);
  if (results === null)
    throw new CommandError(`the mirror answered ${status} without a purge result; is it a Cloud Mirror?`);
  context.stdout.write(options.json ? jsonLine(text.trim() || JSON.stringify({ results })) : table(results));
  const failed = results.filter((result) => !result.purged).map((result) => printable(result.backend));
  if (failed.length > 0)
    throw new CommandError(`not purged in ${failed.join(', ')}; try again, which is safe`);
  if (status === 503) throw refusal(answer);
}

/** The response for one region has no body; a header says if there was nothing to purge. */
function onlyResult(backend: string, { headers }: OperatorAnswer): RegionResult {
  const nothing = headerText(headers['cloud-mirror-purged']) === 'nothing';
  return { backend, purged: true, error: null, ...(nothing && { found: false }) };
}

const NOTHING_FOUND =
  'nothing to purge: there is no copy and no entry, so this URL was never mirrored here or no longer is; check its spelling';

function resultText({ purged, error, found }: RegionResult): string {
  if (!purged) return `not purged: ${error ?? 'no reason given'}`;
  return found === false ? NOTHING_FOUND : 'purged';
}

function table(results: readonly RegionResult[]): string {
  return results
    .map((result) => printable(`${result.backend}: ${resultText(result)}`))
    .map((line) => `${line}\n`)
    .join('');
}

function regionResults(text: string): readonly RegionResult[] | null {
  const results: unknown = jsonObject(text)?.['results'];
  return Array.isArray(results) && results.every(isRegionResult) ? results : null;
}

function isRegionResult(value: unknown): value is RegionResult {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'backend' in value &&
    typeof value.backend === 'string' &&
    'purged' in value &&
    typeof value.purged === 'boolean' &&
    'error' in value &&
    (value.error === null || typeof value.error === 'string')
  );
}
