import type { EntryCommands } from './scripts/index.ts';
import type { RedisClient } from '@cloud-mirror/redis';

/** The most keys of one command: the server does nothing else meanwhile. */
const MOST_AT_ONCE = 500;

interface Read {
  readonly key: string;
  readonly resolve: (text: string | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads of single keys. Those asked for in one turn of the event loop travel as one MGET, which takes a fifth of the time
 * of as many GETs, pipelined or not; in a cluster, where keys are on many servers, as a GET each. So they do where the
 * server refuses to look into many slots: managed ones are clusters, with a single address also where they are but one.
 */
export class RedisReads {
  readonly #commands: EntryCommands;
  #slotsApart: boolean;
  #asked: Read[] = [];

  constructor(commands: EntryCommands) {
    this.#commands = commands;
    this.#slotsApart = commands.isCluster;
  }

  /** @throws EntryStoreError within the time limit of a call, counted from the end of this turn */
  read(key: string): Promise<string | null> {
    if (this.#slotsApart) return this.#commands.call((client) => textAt(client, key));
    return new Promise((resolve, reject) => {
      if (this.#asked.push({ key, resolve, reject }) === 1) setImmediate(() => this.#send());
    });
  }

  #send(): void {
    const asked = this.#asked;
    this.#asked = [];
    for (let first = 0; first < asked.length; first += MOST_AT_ONCE)
      this.#sendTogether(asked.slice(first, first + MOST_AT_ONCE));
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

/** As MGET has it: a key of another type has no text. */
export async function textAt(client: RedisClient, key: string): Promise<string | null> {
  try {
    return await client.get(key);
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return null;
    throw error;
  }
}
