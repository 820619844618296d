import type { Backend } from '@cloud-mirror/mirrored-objects';
import { Command } from 'commander';
import { CommandError } from '../command-interface.ts';
import type { CommandContext } from '../command-interface.ts';
import { readConfig } from '../command-options.ts';

/** The time limit for one bucket, folder or queue. Each call within it has its own, shorter limit. */
const PART_LIMIT_MS = 120_000;

interface PartResult {
  /** `s3/us-west-1 store`. */
  readonly part: string;
  readonly lines: readonly string[];
  /** Why the preparation failed; null if it succeeded. */
  readonly failure: string | null;
}

/** `setup`: creates the missing parts of a configuration. Idempotent. */
export function setupCommand(context: CommandContext): Command {
  return new Command('setup')
    .description('creates the missing buckets, lifecycle rules, folders and queues of a configuration')
    .option('--config <file>', 'the configuration file (default: CLOUD_MIRROR_CONFIG)')
    .action((options: { config?: string }) => setup(options.config, context));
}

async function setup(file: string | undefined, context: CommandContext): Promise<void> {
  const config = await readConfig(file, context);
  const { openAdapters } = await import('@cloud-mirror/mirror');
  const { createLogger, programVersion } = await import('@cloud-mirror/program');
  // Silent, because stores and queues report failures by throwing.
  const logger = createLogger({ level: 'silent', program: 'cloud-mirror', version: programVersion() });
  await using adapters = await openAdapters(config, { logger });
  const results = await Promise.all(
    [...adapters.backends.values()].flatMap((backend) => [
      prepare(backend, 'store', context.signal),
      prepare(backend, 'queue', context.signal),
    ]),
  );
  for (const result of results) context.stdout.write(describe(result));
  const failed = results.filter(({ failure }) => failure !== null).map(({ part }) => part);
  if (failed.length > 0)
    throw new CommandError(
      `not set up: ${failed.join(', ')}; fix the cause and run setup again, which is safe`,
    );
}

/** Prepares one part independently of the others, so that a failure of the bucket does not prevent the queue. */
async function prepare(backend: Backend, part: 'store' | 'queue', signal: AbortSignal): Promise<PartResult> {
  const { prepareBackend } = await import('@cloud-mirror/mirror');
  const { tryPublicReading } = await import('../public-reading.ts');
  const name = `${backend.name} ${part}`;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(PART_LIMIT_MS)]);
  try {
    const lines = await prepareBackend(backend, {
      signal: limited,
      parts: { store: part === 'store', queue: part === 'queue' },
    });
    if (part === 'queue') return { part: name, lines, failure: null };
    const found = await findOut(backend, limited);
    const reading = await tryPublicReading(backend, limited);
    const unread =
      reading === null || reading.status === 'ok' ? null : `${reading.detail}; ${reading.remedy ?? ''}`;
    const warned = unread !== null && reading?.status === 'warning' ? [`warning: ${unread}`] : [];
    const refused = unread !== null && reading?.status === 'failure' ? [unread] : [];
    const failures = [...(found.failure === null ? [] : [found.failure]), ...refused];
    return {
      part: name,
      lines: [...lines, ...found.lines, ...warned],
      failure: failures.length === 0 ? null : failures.join('; '),
    };
  } catch (error) {
    signal.throwIfAborted();
    return { part: name, lines: [], failure: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Finds missing capabilities of the store by trial writes, one line each. Missing permissions for trial writes are not a
 * failure, since the programs do not need them.
 */
async function findOut(
  backend: Backend,
  signal: AbortSignal,
): Promise<Pick<PartResult, 'lines' | 'failure'>> {
  const { describeLoss, tryStore } = await import('@cloud-mirror/mirror');
  try {
    const trial = await tryStore(backend, { record: true, signal });
    if (trial === null) return { lines: [], failure: null };
    const { losses, fatal } = trial;
    // `prepareBackend` has already reported missing lifecycle rules.
    const unreported = losses.filter((loss) => loss !== fatal && loss.capability !== 'lifecycle');
    return { lines: unreported.map(describeLoss), failure: fatal === null ? null : describeLoss(fatal) };
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    return { lines: [`trial writes to find the capabilities of this store failed: ${why}`], failure: null };
  }
}

function describe({ part, lines, failure }: PartResult): string {
  const text = lines.map((line) => `${part}: ${line}\n`).join('');
  if (failure !== null) return `${text}${part}: failed: ${failure}\n`;
  if (lines.length === 0) return `${part}: all in place\n`;
  return text;
}
