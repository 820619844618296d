import type { EntryCommands } from './scripts/index.ts';
import type { RedisClient } from '@cloud-mirror/redis';

/** The most keys in one command, which blocks the single-threaded server. */
const MAX_KEYS_PER_MGET = 500;

interface Read {
  readonly key: string;
  readonly resolve: (text: string | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads single keys. The reads of one turn of the event loop are batched into one MGET, which takes a fifth of the time
 * of as many GETs, pipelined or not. In a cluster each key takes a GET, because the keys are in different slots.
 * A server that refuses MGET across slots gets single GETs as well: a managed Redis may be a cluster behind one address.
 */
export class RedisReads {
  readonly #commands: EntryCommands;
  #slotsApart: boolean;
  #asked: Read[] = [];

  constructor(commands: EntryCommands) {
    this.#commands = commands;
    this.#slotsApart = commands.isCluster;
  }

  /** @throws EntryStoreError within the time limit of a call, which starts at the end of this turn of the event loop */
  read(key: string): Promise<string | null> {
    if (this.#slotsApart) return this.#commands.call((client) => textAt(client, key));
    return new Promise((resolve, reject) => {
      if (this.#asked.push({ key, resolve, reject }) === 1) setImmediate(() => this.#send());
    });
  }

  #send(): void {
    const asked = this.#asked;
    this.#asked = [];
    for (let first = 0; first < asked.length; first += MAX_KEYS_PER_MGET)
      this.#sendTogether(asked.slice(first, first + MAX_KEYS_PER_MGET));
  }

  #sendTogether(reads: readonly Read[]): void {
    const keys = reads.map(({ key }) => key);
    this.#commands
      .call((client) => this.#readAll(client, keys))
      .then(
        (texts) => reads.forEach(({ resolve }, index) => resolve(texts[index] ?? null)),
        (error: unknown) => reads.forEach(({ reject }) => reject(error)),
      );
  }

  async #readAll(client: RedisClient, keys: string[]): Promise<(string | null)[]> {
    try {
      return await client.mget(keys);
    } catch (error) {
      // https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#implemented-subset
      if (!(error instanceof Error) || !error.message.startsWith('CROSSSLOT')) throw error;
      this.#slotsApart = true;
      return Promise.all(keys.map((key) => textAt(client, key)));
    }
  }
}

/** The string at `key`. Returns null for a key of another type, as MGET does. */
export async function textAt(client: RedisClient, key: string): Promise<string | null> {
  try {
    return await client.get(key);
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return null;
    throw error;
  }
}
