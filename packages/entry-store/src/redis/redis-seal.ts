import { freshToken } from '@cloud-mirror/mirrored-objects';
import type { EntryCommands } from './scripts/index.ts';
import { textAt } from './redis-reads.ts';

/**
 * The seal of {@link EntryStore.seal}: one key beside the entries. It is broken by removing it, which a server without
 * room for another byte does as well; who misses it puts a new one there, and no text comes twice.
 */
export class RedisSeal {
  readonly #commands: EntryCommands;
  readonly #key: string;

  constructor(commands: EntryCommands, key: string) {
    this.#commands = commands;
    this.#key = key;
  }

  /** @throws EntryStoreError */
  async read(): Promise<string> {
    const key = this.#key;
    const seal = await this.#commands.call((client) => textAt(client, key));
    if (seal !== null) return seal;
    const fresh = freshToken();
    const set = await this.#commands.call((client) => client.set(key, fresh, 'NX'));
    // Another process was faster, or a key of another type is there until the next drop; whichever it put there, this one has not been seen and is nobody's.
    return set === 'OK' ? fresh : freshToken();
  }

  /** To be called when the entries are gone: in a cluster they are on other servers. @throws EntryStoreError */
  async break(): Promise<void> {
    await this.#commands.call((client) => client.del(this.#key));
  }
}
