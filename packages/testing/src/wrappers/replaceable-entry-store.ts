import type {
  Change,
  ChangeListener,
  Claim,
  ClaimResult,
  Entry,
  EntryStore,
  Failure,
  Take,
  TakeResult,
} from '@cloud-mirror/entry-store';
import type { Copy, ObjectId } from '@cloud-mirror/mirrored-objects';

/**
 * An EntryStore whose server can be replaced by one with other (older) contents, as in a failover: the epoch increases,
 * and messages may be lost. It can also send its listeners changes that did not happen.
 */
export class ReplaceableEntryStore implements EntryStore {
  timeLimitMs = 0;
  /** Whether messages about changes are lost. */
  deaf = false;
  #server: EntryStore;
  #subscription: Disposable;
  #epoch = 1;
  readonly #listeners = new Set<ChangeListener>();

  constructor(server: EntryStore) {
    this.#server = server;
    this.#subscription = this.#listenTo(server);
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** The number of listeners. */
  get listening(): number {
    return this.#listeners.size;
  }

  /** Connects to another server. `quietly`: without a new epoch, as behind a proxy that hides the failover. */
  replace(server: EntryStore, how: 'noticed' | 'quietly' = 'noticed'): void {
    this.#subscription[Symbol.dispose]();
    this.#server = server;
    this.#subscription = this.#listenTo(server);
    if (how === 'quietly') return;
    this.#epoch++;
    this.tell({ type: 'lost' });
  }

  tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }

  get(id: ObjectId): Promise<Entry | null> {
    return this.#server.get(id);
  }

  claim(id: ObjectId, claim: Claim): Promise<ClaimResult> {
    return this.#server.claim(id, claim);
  }

  take(id: ObjectId, take: Take): Promise<TakeResult> {
    return this.#server.take(id, take);
  }

  renew(id: ObjectId, token: string, renewal: { leaseMs: number; bytes: number }): Promise<boolean> {
    return this.#server.renew(id, token, renewal);
  }

  commit(id: ObjectId, token: string, copy: Copy, ttlMs: number): Promise<boolean> {
    return this.#server.commit(id, token, copy, ttlMs);
  }

  fail(id: ObjectId, token: string, failure: Failure): Promise<boolean> {
    return this.#server.fail(id, token, failure);
  }

  release(id: ObjectId, token: string): Promise<boolean> {
    return this.#server.release(id, token);
  }

  drop(id: ObjectId, token?: string): Promise<boolean> {
    return this.#server.drop(id, token);
  }

  flush(backends: readonly string[]): Promise<number> {
    return this.#server.flush(backends);
  }

  seal(): Promise<string> {
    return this.#server.seal();
  }

  subscribe(listener: ChangeListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  check(): Promise<void> {
    return this.#server.check();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscription[Symbol.dispose]();
    this.#listeners.clear();
    await this.#server[Symbol.asyncDispose]();
  }

  #listenTo(server: EntryStore): Disposable {
    return server.subscribe((change) => {
      if (!this.deaf) this.tell(change);
    });
  }
}
