import type { Redis } from 'ioredis';
import type { EntryCommands } from './scripts/index.ts';

export interface FlushOptions {
  readonly keyPrefix: string;
  readonly backends: readonly string[];
  /** Says that entries are gone: at the end, also of a flush that failed in the middle. */
  readonly tell: () => Promise<void>;
}

/** Keys that one SCAN looks at: some milliseconds of a server that does nothing else meanwhile. */
const SCAN_COUNT = 1_000;

/**
 * Removes every entry of the back ends, server by server. Every entry that was there when it began is gone when it
 * ends (https://redis.io/docs/latest/commands/scan/#scan-guarantees); later ones may be.
 *
 * @returns how many entries went
 */
export async function flushEntries(commands: EntryCommands, options: FlushOptions): Promise<number> {
  const pattern = patternFor(options);
  const wanted = new Set(options.backends.map((backend) => `{${options.keyPrefix}:${backend}:`));
  const { tell } = options;
  let count = 0;
  try {
    for (const server of await commands.call(async () => commands.primaries())) {
      let cursor = '0';
      do {
        const from = cursor;
        const [next, found] = await commands.call(() =>
          server.scan(from, 'MATCH', pattern, 'COUNT', SCAN_COUNT),
        );
        cursor = next;
        const keys = found.filter((key) => wanted.has(key.slice(0, key.lastIndexOf(':') + 1)));
        if (keys.length > 0) count += await commands.call(() => unlink(server, keys));
      } while (cursor !== '0');
    }
  } catch (error) {
    // Some entries are gone, and nobody else tells. What made the flush fail says more than a failure to tell.
    if (count > 0) await tell().catch(() => undefined);
    throw error;
  }
  await tell();
  return count;
}

/** One key a command: those of a cluster's node are in different slots. */
async function unlink(server: Redis, keys: readonly string[]): Promise<number> {
  const pipeline = server.pipeline();
  for (const key of keys) pipeline.unlink(key);
  let count = 0;
  for (const [error, removed] of (await pipeline.exec()) ?? []) {
    if (error !== null) throw error;
    if (removed === 1) count += 1;
  }
  return count;
}

/** Several back ends are told apart after one walk over the keys, which is what takes the time. */
function patternFor({ keyPrefix, backends }: FlushOptions): string {
  const [only] = backends;
  return backends.length === 1 && only !== undefined
    ? `{${literally(keyPrefix)}:${literally(only)}:*}`
    : `{${literally(keyPrefix)}:*}`;
}

/** https://redis.io/docs/latest/commands/keys/ */
function literally(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&');
}
