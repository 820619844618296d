import {
  EntryStoreError,
  type ChangeListener,
  type Claim,
  type ClaimResult,
  type Entry,
  type EntryServer,
  type EntryStore,
  type Failure,
  type Take,
  type TakeResult,
} from '@cloud-mirror/entry-store';
import type { Copy, ObjectId } from '@cloud-mirror/mirrored-objects';
import { PartBreaker, type PartBreakerOptions } from './part-breaker.ts';

/**
 * An entry store that is not asked what it has while it is silent. What would leave something behind if it were not
 * said (release, commit, failure, purge) is always tried.
 */
export class GuardedEntryStore implements EntryStore {
  readonly #entries: EntryStore;
  readonly #breaker: PartBreaker;
  #epoch: number;

  constructor(entries: EntryStore, options: Pick<PartBreakerOptions, 'failures' | 'retryMs' | 'onChange'>) {
    this.#entries = entries;
    this.#epoch = entries.epoch;
    this.#breaker = new PartBreaker({
      ...options,
      isSilence: (error) => error instanceof EntryStoreError,
      refusal: () => new EntryStoreError('the entry store did not answer lately: not asked now'),
    });
  }

  get epoch(): number {
    return this.#entries.epoch;
  }

  get timeLimitMs(): number {
    return this.#entries.timeLimitMs;
  }

  get(id: ObjectId): Promise<Entry | null> {
    return this.#ask(() => this.#entries.get(id));
  }

  claim(id: ObjectId, claim: Claim): Promise<ClaimResult> {
    return this.#ask(() => this.#entries.claim(id, claim));
  }

  take(id: ObjectId, take: Take): Promise<TakeResult> {
    return this.#ask(() => this.#entries.take(id, take));
  }

  renew(id: ObjectId, token: string, renewal: { leaseMs: number; bytes: number }): Promise<boolean> {
    return this.#entries.renew(id, token, renewal);
  }

  commit(id: ObjectId, token: string, copy: Copy, ttlMs: number): Promise<boolean> {
    return this.#entries.commit(id, token, copy, ttlMs);
  }

  fail(id: ObjectId, token: string, failure: Failure): Promise<boolean> {
    return this.#entries.fail(id, token, failure);
  }

  release(id: ObjectId, token: string): Promise<boolean> {
    return this.#entries.release(id, token);
  }

  drop(id: ObjectId, token?: string): Promise<boolean> {
    return this.#entries.drop(id, token);
  }

  flush(backends: readonly string[]): Promise<number> {
    return this.#entries.flush(backends);
  }

  seal(): Promise<string> {
    return this.#ask(() => this.#entries.seal());
  }

  subscribe(listener: ChangeListener): Disposable {
    return this.#entries.subscribe(listener);
  }

  check(): Promise<void> {
    return this.#entries.check();
  }

  async server(): Promise<EntryServer> {
    return (await this.#entries.server?.()) ?? { version: null, evictionPolicy: null };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#entries[Symbol.asyncDispose]();
  }

  /** A new connection stands because the store has answered: one that was cut must not cost all calls of a second. */
  #ask<T>(work: () => Promise<T>): Promise<T> {
    const { epoch } = this.#entries;
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#breaker.reset();
    }
    return this.#breaker.call(work);
  }
}
