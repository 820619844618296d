import type { Backend } from '@cloud-mirror/mirrored-objects';
import { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { CommandError } from '../command-error.ts';
import { readConfig } from '../read-config.ts';

/** Of one bucket, folder or queue: each call that makes it has its own, shorter limit as well. */
const PART_LIMIT_MS = 120_000;

interface PartResult {
  /** `s3/us-west-1 store`. */
  readonly part: string;
  readonly lines: readonly string[];
  /** Why it could not be prepared; `null` where it was. */
  readonly failure: string | null;
}

/** `setup`: makes what the configuration names and is not there yet. Safe to run again. */
export function setupCommand(context: CommandContext): Command {
  return new Command('setup')
    .description(
      'makes the buckets, lifecycle rules, folders and queues of a configuration where they are missing',
    )
    .option('--config <file>', 'the configuration file; else CLOUD_MIRROR_CONFIG')
    .action((options: { config?: string }) => setup(options.config, context));
}

async function setup(file: string | undefined, context: CommandContext): Promise<void> {
  const config = await readConfig(file, context);
  const { openAdapters } = await import('@cloud-mirror/mirror');
  const { createLogger, programVersion } = await import('@cloud-mirror/program');
  // Only what stores and queues say counts here, and they say it by what they throw.
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
      `not set up: ${failed.join(', ')}; mend the cause and run setup again, which is safe`,
    );
}

/** One part by itself: a bucket that cannot be made does not keep the queue from being made. */
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
 * What the store cannot do, one line each. Without the permissions for trial writes less is known, and nothing is wrong
 * for that.
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
    // That there are no lifecycle rules was told when they were to be made.
    const told = losses.filter((loss) => loss !== fatal && loss.capability !== 'lifecycle');
    return { lines: told.map(describeLoss), failure: fatal === null ? null : describeLoss(fatal) };
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    return { lines: [`what this store can do was not found out by trial writes: ${why}`], failure: null };
  }
}

function describe({ part, lines, failure }: PartResult): string {
  const told = lines.map((line) => `${part}: ${line}\n`).join('');
  if (failure !== null) return `${told}${part}: failed: ${failure}\n`;
  if (lines.length === 0) return `${part}: all in place\n`;
  return told;
}
