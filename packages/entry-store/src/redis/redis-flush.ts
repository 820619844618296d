import type { Redis } from 'ioredis';
import type { EntryCommands } from './scripts/index.ts';

export interface FlushOptions {
  readonly keyPrefix: string;
  readonly backends: readonly string[];
  /** Announces that entries are gone. Called at the end, even if the flush failed after it removed some. */
  readonly announce: () => Promise<void>;
}

/** Keys that one SCAN examines. It blocks the single-threaded server for a few milliseconds. */
const SCAN_COUNT = 1_000;

/**
 * Removes every entry of the back ends, server by server. Every entry that exists when the flush begins is gone when it
 * ends (https://redis.io/docs/latest/commands/scan/#scan-guarantees). An entry written meanwhile may or may not be.
 *
 * @returns the number of entries removed
 * @throws EntryStoreError if a command fails; entries may already be gone then
 */
export async function flushEntries(commands: EntryCommands, options: FlushOptions): Promise<number> {
  const pattern = patternFor(options);
  const wanted = new Set(options.backends.map((backend) => `{${options.keyPrefix}:${backend}:`));
  const { announce } = options;
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
    // Some entries are gone, and only this call can announce it. If that fails too, the first error is the useful one.
    if (count > 0) await announce().catch(() => undefined);
    throw error;
  }
  await announce();
  return count;
}

/** One key for each command, because a cluster node's keys are in different slots. */
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

/** Several back ends share one scan, which is the slow part; the caller then filters its keys by back end. */
function patternFor({ keyPrefix, backends }: FlushOptions): string {
  const [only] = backends;
  return backends.length === 1 && only !== undefined
    ? `{${literally(keyPrefix)}:${literally(only)}:*}`
    : `{${literally(keyPrefix)}:*}`;
}

/** Escapes the characters of a glob-style pattern (https://redis.io/docs/latest/commands/keys/). */
function literally(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&');
}
