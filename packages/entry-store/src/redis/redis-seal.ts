import { freshToken } from '@cloud-mirror/mirrored-objects';
import type { EntryCommands } from './scripts/index.ts';
import { textAt } from './redis-reads.ts';

/**
 * The seal of {@link EntryStore.seal}: one key beside the entries. A drop or flush breaks it by deleting the key, which
 * works even on a server that is out of memory. The next reader that finds none writes a new one. No text ever returns.
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
    // Another process was faster, or a key of another type is there until the next drop. A text that nobody else knows
    // never equals a later seal, so the caller trusts nothing that it remembers.
    return set === 'OK' ? fresh : freshToken();
  }

  /** Must be called after the entries are gone, since in a cluster they are on other servers. @throws EntryStoreError */
  async break(): Promise<void> {
    await this.#commands.call((client) => client.del(this.#key));
  }
}
