import { AroundEntryStore } from '@cloud-mirror/entry-store';
import type { Change, ChangeListener, EntryStore } from '@cloud-mirror/entry-store';

/**
 * An EntryStore whose server can be replaced by one with other (older) contents, as in a failover: the epoch increases,
 * and messages may be lost. It can also send its listeners changes that did not happen.
 */
export class ReplaceableEntryStore extends AroundEntryStore {
  #timeLimitMs = 0;
  /** Whether messages about changes are lost. */
  deaf = false;
  #subscription: Disposable;
  #epoch = 1;
  readonly #listeners = new Set<ChangeListener>();

  constructor(server: EntryStore) {
    super(server, (_call, work) => work());
    this.#subscription = this.#listenTo(server);
  }

  override get timeLimitMs(): number {
    return this.#timeLimitMs;
  }

  override set timeLimitMs(ms: number) {
    this.#timeLimitMs = ms;
  }

  override get epoch(): number {
    return this.#epoch;
  }

  /** The number of listeners. */
  get listening(): number {
    return this.#listeners.size;
  }

  /** Connects to another server. `quietly`: without a new epoch, as behind a proxy that hides the failover. */
  replace(server: EntryStore, how: 'noticed' | 'quietly' = 'noticed'): void {
    this.#subscription[Symbol.dispose]();
    this.inner = server;
    this.#subscription = this.#listenTo(server);
    if (how === 'quietly') return;
    this.#epoch++;
    this.tell({ type: 'lost' });
  }

  tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }

  override subscribe(listener: ChangeListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#subscription[Symbol.dispose]();
    this.#listeners.clear();
    await this.inner[Symbol.asyncDispose]();
  }

  #listenTo(server: EntryStore): Disposable {
    return server.subscribe((change) => {
      if (!this.deaf) this.tell(change);
    });
  }
}
