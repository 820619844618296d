import type {
  ChangeListener,
  Claim,
  ClaimResult,
  Entry,
  EntryStore,
  ErrorEntry,
  Failure,
  PendingEntry,
  Take,
  TakeResult,
} from './entry-store.ts';
import { freshToken, type Copy, type ObjectId } from '@cloud-mirror/mirrored-objects';
import { ChangeListeners } from './change-listeners.ts';
import { copyOf, failureOf, retryDelayMs } from './entry-parts.ts';

export interface MemoryEntryStoreOptions {
  /** Returns milliseconds since 1970. Default `Date.now`. */
  readonly clock?: (() => number) | undefined;
  /** Called with each error that a listener throws. */
  readonly onError?: ((error: Error) => void) | undefined;
}

interface Held {
  readonly entry: Entry;
  readonly expiresAt: number;
  /** The result of the `take` that made this `pending` entry. A repeated take returns it again. */
  readonly ownClaim: boolean;
  /** When a check for a client's no-cache last began; see `EntryStore.noteCheck`. */
  readonly checkedAt?: number | undefined;
}

/** Entries checked for expiry with each write. More than one, so that expired entries go faster than new ones arrive. */
const SWEPT_PER_WRITE = 4;

/** Entries in the memory of this process, for a front end and a copier in one process, and for tests. */
export class MemoryEntryStore implements EntryStore {
  /** Constant, because there is no connection to lose. */
  readonly epoch = 0;
  /** Zero, because no call waits. */
  readonly timeLimitMs = 0;

  readonly #clock: () => number;
  readonly #listeners: ChangeListeners;
  readonly #entries = new Map<string, Held>();
  #sweep = this.#entries.entries();
  #seal = freshToken();

  constructor(options: MemoryEntryStoreOptions = {}) {
    this.#clock = options.clock ?? Date.now;
    this.#listeners = new ChangeListeners(options.onError ?? (() => undefined));
  }

  async get(id: ObjectId): Promise<Entry | null> {
    return this.#held(id)?.entry ?? null;
  }

  async claim(id: ObjectId, claim: Claim): Promise<ClaimResult> {
    const now = this.#clock();
    const held = this.#held(id);
    const entry = held?.entry;
    if (entry?.state === 'pending' && entry.token === claim.token)
      return { claimed: true, attempts: entry.attempts };
    const { check } = claim;
    const checks =
      entry?.state === 'error' &&
      entry.token === check?.token &&
      !this.#checkedWithin(held, check.intervalMs);
    const overdue = entry?.state === 'error' && now > entry.retryAt + claim.copyingLeaseMs;
    if (entry !== undefined && !overdue && !checks) return { claimed: false, entry };
    const attempts = checks ? 0 : (entry?.attempts ?? 0);
    const pending = pendingFrom(now, claim.token, 'queued', claim.leaseMs, attempts);
    const checkedAt = checks ? now : undefined;
    this.#write(id, { entry: pending, expiresAt: pending.leaseEnd, ownClaim: false, checkedAt });
    return { claimed: true, attempts };
  }

  async take(id: ObjectId, take: Take): Promise<TakeResult> {
    const now = this.#clock();
    const held = this.#held(id);
    const entry = held?.entry;
    if (held !== undefined && entry?.state === 'pending' && entry.token === take.token)
      return { taken: true, ownClaim: held.ownClaim, attempts: entry.attempts };
    if (entry?.state === 'present') return { taken: false, entry, leaseRemainingMs: 0 };
    if (entry?.state === 'pending' && entry.phase === 'copying')
      return { taken: false, entry, leaseRemainingMs: entry.leaseEnd - now };
    const ownClaim = entry?.state === 'pending' && entry.token === take.jobToken;
    const attempts = entry?.attempts ?? 0;
    const pending = pendingFrom(now, take.token, 'copying', take.leaseMs, attempts);
    this.#write(id, { entry: pending, expiresAt: pending.leaseEnd, ownClaim });
    return { taken: true, ownClaim, attempts };
  }

  async renew(id: ObjectId, token: string, renewal: { leaseMs: number; bytes: number }): Promise<boolean> {
    const held = this.#held(id);
    if (held?.entry.state !== 'pending' || held.entry.token !== token) return false;
    const leaseEnd = this.#clock() + renewal.leaseMs;
    const entry: PendingEntry = { ...held.entry, bytes: renewal.bytes, leaseEnd };
    this.#write(id, { ...held, entry, expiresAt: leaseEnd });
    return true;
  }

  async commit(id: ObjectId, token: string, copy: Copy, ttlMs: number): Promise<boolean> {
    const now = this.#clock();
    const entry = this.#held(id)?.entry;
    if (entry?.token !== token || entry.state === 'error') return false;
    if (entry.state === 'present') return true;
    this.#write(id, {
      entry: { state: 'present', token, since: now, ...copyOf(copy) },
      expiresAt: now + ttlMs,
      ownClaim: false,
    });
    return true;
  }

  async fail(id: ObjectId, token: string, failure: Failure): Promise<boolean> {
    const now = this.#clock();
    const held = this.#held(id);
    const entry = held?.entry;
    if (entry?.token !== token || entry.state === 'present') return false;
    if (entry.state === 'error') return true;
    const attempts = entry.attempts + 1;
    const error: ErrorEntry = {
      state: 'error',
      token,
      since: now,
      ...failureOf(failure),
      attempts,
      retryAt: now + retryDelayMs(failure, attempts),
    };
    const expiresAt = now + failure.ttlMs;
    this.#write(id, { entry: error, expiresAt, ownClaim: false, checkedAt: held?.checkedAt });
    return true;
  }

  async release(id: ObjectId, token: string): Promise<boolean> {
    const entry = this.#held(id)?.entry;
    if (entry?.state !== 'pending' || entry.token !== token) return false;
    this.#entries.delete(nameOf(id));
    this.#changed(id);
    return true;
  }

  async noteCheck(id: ObjectId, token: string, intervalMs: number): Promise<boolean> {
    const held = this.#held(id);
    if (held?.entry.state !== 'present' || held.entry.token !== token) return false;
    if (this.#checkedWithin(held, intervalMs)) return false;
    this.#entries.set(nameOf(id), { ...held, checkedAt: this.#clock() });
    return true;
  }

  async drop(id: ObjectId, token?: string): Promise<boolean> {
    const entry = this.#held(id)?.entry;
    if (token !== undefined && entry?.token !== token) return false;
    this.#entries.delete(nameOf(id));
    this.#seal = freshToken();
    // Announced even if there was no entry: listeners may still hold an entry that this store has already dropped.
    this.#changed(id);
    return entry !== undefined;
  }

  async flush(backends: readonly string[]): Promise<number> {
    const wanted = new Set(backends);
    const now = this.#clock();
    let count = 0;
    for (const [name, held] of this.#entries) {
      if (!wanted.has(name.slice(0, name.lastIndexOf(' ')))) continue;
      this.#entries.delete(name);
      if (held.expiresAt > now) count += 1;
    }
    this.#seal = freshToken();
    queueMicrotask(() => this.#listeners.notify({ type: 'flushed' }));
    return count;
  }

  async seal(): Promise<string> {
    return this.#seal;
  }

  subscribe(listener: ChangeListener): Disposable {
    return this.#listeners.add(listener);
  }

  async check(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
    this.#entries.clear();
  }

  #held(id: ObjectId): Held | undefined {
    const name = nameOf(id);
    const held = this.#entries.get(name);
    if (held === undefined || held.expiresAt > this.#clock()) return held;
    this.#entries.delete(name);
    return undefined;
  }

  #checkedWithin(held: Held | undefined, intervalMs: number): boolean {
    return held?.checkedAt !== undefined && Math.abs(this.#clock() - held.checkedAt) < intervalMs;
  }

  #write(id: ObjectId, held: Held): void {
    this.#entries.set(nameOf(id), held);
    this.#sweepSome();
    this.#changed(id, held.entry.state === 'pending');
  }

  /** Listeners are called after the writing call, never inside it, as with a remote store. */
  #changed(id: ObjectId, pending = false): void {
    queueMicrotask(() => this.#listeners.notify({ type: 'changed', id, pending }));
  }

  /** Without a sweep, expired entries that nobody reads would stay. A Map's iterator stays valid while the Map changes. */
  #sweepSome(): void {
    const now = this.#clock();
    for (let swept = 0; swept < SWEPT_PER_WRITE; swept += 1) {
      const next = this.#sweep.next();
      if (next.done === true) {
        this.#sweep = this.#entries.entries();
        return;
      }
      const [name, held] = next.value;
      if (held.expiresAt <= now) this.#entries.delete(name);
    }
  }
}

function nameOf(id: ObjectId): string {
  return `${id.backend} ${id.sha256}`;
}

function pendingFrom(
  now: number,
  token: string,
  phase: PendingEntry['phase'],
  leaseMs: number,
  attempts: number,
): PendingEntry {
  return { state: 'pending', token, phase, since: now, bytes: 0, leaseEnd: now + leaseMs, attempts };
}
