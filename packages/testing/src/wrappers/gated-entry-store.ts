import type {
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
import type { CallGate } from './call-gate.ts';

/** An EntryStore whose calls go through a gate as part `entries`. Their subject is the writer's token. */
export class GatedEntryStore implements EntryStore {
  readonly #inner: EntryStore;
  readonly #gate: CallGate;

  constructor(inner: EntryStore, gate: CallGate) {
    this.#inner = inner;
    this.#gate = gate;
  }

  get epoch(): number {
    return this.#inner.epoch;
  }

  get timeLimitMs(): number {
    return this.#inner.timeLimitMs;
  }

  get(id: ObjectId): Promise<Entry | null> {
    return this.#through('get', '', null, () => this.#inner.get(id));
  }

  claim(id: ObjectId, claim: Claim): Promise<ClaimResult> {
    return this.#through('claim', claim.token, claim, () => this.#inner.claim(id, claim));
  }

  take(id: ObjectId, take: Take): Promise<TakeResult> {
    return this.#through('take', take.token, take, () => this.#inner.take(id, take));
  }

  renew(id: ObjectId, token: string, renewal: { leaseMs: number; bytes: number }): Promise<boolean> {
    return this.#through('renew', token, renewal, () => this.#inner.renew(id, token, renewal));
  }

  commit(id: ObjectId, token: string, copy: Copy, ttlMs: number): Promise<boolean> {
    return this.#through('commit', token, { copy, ttlMs }, () => this.#inner.commit(id, token, copy, ttlMs));
  }

  fail(id: ObjectId, token: string, failure: Failure): Promise<boolean> {
    return this.#through('fail', token, failure, () => this.#inner.fail(id, token, failure));
  }

  release(id: ObjectId, token: string): Promise<boolean> {
    return this.#through('release', token, null, () => this.#inner.release(id, token));
  }

  drop(id: ObjectId, token?: string): Promise<boolean> {
    return this.#through('drop', token ?? '', id, () => this.#inner.drop(id, token));
  }

  flush(backends: readonly string[]): Promise<number> {
    return this.#through('flush', '', backends, () => this.#inner.flush(backends));
  }

  seal(): Promise<string> {
    return this.#through('seal', '', null, () => this.#inner.seal());
  }

  subscribe(listener: ChangeListener): Disposable {
    return this.#inner.subscribe(listener);
  }

  check(): Promise<void> {
    return this.#through('check', '', null, () => this.#inner.check());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#inner[Symbol.asyncDispose]();
  }

  #through<T>(method: string, subject: string, options: unknown, work: () => Promise<T>): Promise<T> {
    return this.#gate.run({ part: 'entries', method, subject, options }, work);
  }
}
