import type { Copy, ObjectId } from '@cloud-mirror/mirrored-objects';
import type {
  ChangeListener,
  Claim,
  ClaimResult,
  Entry,
  EntryServer,
  EntryStore,
  Failure,
  Take,
  TakeResult,
} from './entry-store.ts';

type Method = Exclude<keyof EntryStore, 'epoch' | 'timeLimitMs' | 'subscribe' | symbol>;

/** One call of an EntryStore. */
export type EntryStoreCall = {
  [M in Method]: { readonly method: M; readonly args: Parameters<Required<EntryStore>[M]> };
}[Method];

/** Runs before, after or instead of a call; `work` makes the call. */
export type AroundEntryCall = <T>(call: EntryStoreCall, work: () => Promise<T>) => Promise<T>;

/**
 * An EntryStore that passes every call to another one through one function: for circuit breakers, tracing, and faults in
 * tests. A subclass overrides what needs other arguments or results. `subscribe` and `epoch` are passed on as they are.
 */
export class AroundEntryStore implements EntryStore {
  protected inner: EntryStore;
  readonly #around: AroundEntryCall;

  constructor(inner: EntryStore, around: AroundEntryCall) {
    this.inner = inner;
    this.#around = around;
  }

  get epoch(): number {
    return this.inner.epoch;
  }

  get timeLimitMs(): number {
    return this.inner.timeLimitMs;
  }

  get(id: ObjectId): Promise<Entry | null> {
    return this.#around({ method: 'get', args: [id] }, () => this.inner.get(id));
  }

  claim(id: ObjectId, claim: Claim): Promise<ClaimResult> {
    return this.#around({ method: 'claim', args: [id, claim] }, () => this.inner.claim(id, claim));
  }

  take(id: ObjectId, take: Take): Promise<TakeResult> {
    return this.#around({ method: 'take', args: [id, take] }, () => this.inner.take(id, take));
  }

  renew(...args: Parameters<EntryStore['renew']>): Promise<boolean> {
    return this.#around({ method: 'renew', args }, () => this.inner.renew(...args));
  }

  commit(id: ObjectId, token: string, copy: Copy, ttlMs: number): Promise<boolean> {
    const args: Parameters<EntryStore['commit']> = [id, token, copy, ttlMs];
    return this.#around({ method: 'commit', args }, () => this.inner.commit(...args));
  }

  fail(id: ObjectId, token: string, failure: Failure): Promise<boolean> {
    return this.#around({ method: 'fail', args: [id, token, failure] }, () =>
      this.inner.fail(id, token, failure),
    );
  }

  release(id: ObjectId, token: string): Promise<boolean> {
    return this.#around({ method: 'release', args: [id, token] }, () => this.inner.release(id, token));
  }

  noteCheck(...args: Parameters<EntryStore['noteCheck']>): Promise<boolean> {
    return this.#around({ method: 'noteCheck', args }, () => this.inner.noteCheck(...args));
  }

  drop(id: ObjectId, token?: string): Promise<boolean> {
    return this.#around({ method: 'drop', args: [id, token] }, () => this.inner.drop(id, token));
  }

  flush(backends: readonly string[]): Promise<number> {
    return this.#around({ method: 'flush', args: [backends] }, () => this.inner.flush(backends));
  }

  seal(): Promise<string> {
    return this.#around({ method: 'seal', args: [] }, () => this.inner.seal());
  }

  check(): Promise<void> {
    return this.#around({ method: 'check', args: [] }, () => this.inner.check());
  }

  /** Both fields are `null` if the inner store has no server. */
  server(): Promise<EntryServer> {
    const none = { version: null, evictionPolicy: null };
    return this.#around({ method: 'server', args: [] }, async () => (await this.inner.server?.()) ?? none);
  }

  subscribe(listener: ChangeListener): Disposable {
    return this.inner.subscribe(listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.inner[Symbol.asyncDispose]();
  }
}
