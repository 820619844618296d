import type { Copy, ObjectId } from '@cloud-mirror/mirrored-objects';

/**
 * What is known of each object in each back end: a cache, never the authority. Losing all of it is harmless.
 *
 * Contract for every adapter:
 * - Every method is one atomic step. All times are the store's own clock, in milliseconds since 1970.
 * - Every write but a claim names the token of the writer, and is refused (`false`) where the entry's token is another
 *   or the entry is absent: an absent entry accepts claims and takes only. `drop` without a token is the purger's.
 * - A write repeated with the same token (a reply lost on the wire, a resent command) answers as the first time.
 * - Every successful write tells the object to the listeners of `subscribe`, in every process.
 * - Every method rejects with an {@link EntryStoreError} within the configured time limit.
 */
export interface EntryStore extends AsyncDisposable {
  get(id: ObjectId): Promise<Entry | null>;

  /**
   * Makes the entry `pending`, phase `queued`, with `claim.token`. Succeeds where the entry is absent, its lease has
   * ended, or it is an `error` whose retry time lies more than `claim.copyingLeaseMs` back. Keeps the count of attempts.
   */
  claim(id: ObjectId, claim: Claim): Promise<ClaimResult>;

  /**
   * A copier takes over: makes the entry `pending`, phase `copying`, with `take.token`. Succeeds where the entry is
   * absent, an `error`, or any *queued* claim. Refused where another is copying, or the entry is `present`.
   * `ownClaim` of the result: the entry taken was the queued claim whose token is `take.jobToken`.
   */
  take(id: ObjectId, take: Take): Promise<TakeResult>;

  /** Lengthens the lease of a `pending` entry to `leaseMs` from now and notes the bytes copied so far. */
  renew(id: ObjectId, token: string, renewal: { leaseMs: number; bytes: number }): Promise<boolean>;

  /** `pending` → `present`, for `ttlMs`. */
  commit(id: ObjectId, token: string, copy: Copy, ttlMs: number): Promise<boolean>;

  /**
   * `pending` → `error`; attempts count one up. The retry time is min(longest, first × 2^(attempts−1)) from now unless
   * `failure.retryAfterMs` is given. Kept for `failure.ttlMs`.
   */
  fail(id: ObjectId, token: string, failure: Failure): Promise<boolean>;

  /** `pending` → absent: the claim won could not be used. */
  release(id: ObjectId, token: string): Promise<boolean>;

  /** Any state → absent. With `token`: only where the entry has that token still. @returns whether one was removed */
  drop(id: ObjectId, token?: string): Promise<boolean>;

  /** Forgets every entry of the back ends. @returns how many entries went */
  flush(backends: readonly string[]): Promise<number>;

  /**
   * A random text, which every `drop` and `flush` that may have removed something replaces for good: after the entries
   * are gone, and before it resolves. So who gets the same twice, on one connection ({@link epoch}), knows that no drop
   * or flush had ended in between. The store may lose it at any time and has another one then.
   */
  seal(): Promise<string>;

  /**
   * Tells of every change. Nothing is promised about order, doubling or completeness: a message is a reason to read the
   * entry again, never a fact. `lost` says that messages may have been missed since; whoever keeps entries in memory
   * drops them all.
   */
  subscribe(listener: ChangeListener): Disposable;

  /**
   * Counts connections: another number than before means that the store may be another one, with older contents.
   * Read it before a call and after it; what was answered across a change is not to be trusted.
   */
  readonly epoch: number;

  /** Longest time a call may take before it rejects, in milliseconds. */
  readonly timeLimitMs: number;

  /** Resolves where the store answers, takes writes, and allows all that the other methods need. */
  check(): Promise<void>;

  /** What is known of the server behind it; not there where there is none. For operators. */
  server?(): Promise<EntryServer>;

  [Symbol.asyncDispose](): Promise<void>;
}

export interface EntryServer {
  /** As it tells it; `null` where it does not. */
  readonly version: string | null;
  /** What it does when it has no room left, by its own name for that; `null` where it has no limit, or does not tell. */
  readonly evictionPolicy: string | null;
}

export type Entry = PendingEntry | PresentEntry | ErrorEntry;

export interface PendingEntry {
  readonly state: 'pending';
  readonly token: string;
  readonly phase: 'queued' | 'copying';
  readonly since: number;
  readonly bytes: number;
  readonly leaseEnd: number;
  /** Failures of this object before this claim. */
  readonly attempts: number;
}

export interface PresentEntry extends Copy {
  readonly state: 'present';
  readonly token: string;
  readonly since: number;
}

export interface ErrorEntry {
  readonly state: 'error';
  readonly token: string;
  readonly since: number;
  /** Stable snake_case word. */
  readonly code: string;
  /** For clients. */
  readonly cause: string;
  /** For operators only. */
  readonly stack: string;
  /** The origin's status where that was the failure. */
  readonly originStatus: number | null;
  readonly originHost: string | null;
  /** The origin's `Retry-After`, in seconds from `since`; absent where it gave none, and in entries of earlier versions. */
  readonly originRetryAfterSeconds?: number | undefined;
  readonly attempts: number;
  readonly retryAt: number;
  /** False: no job will come again for it. */
  readonly willRetry: boolean;
}

export interface Claim {
  readonly token: string;
  readonly leaseMs: number;
  readonly copyingLeaseMs: number;
}

export interface Take {
  readonly token: string;
  readonly jobToken: string;
  readonly leaseMs: number;
}

export type ClaimResult =
  { readonly claimed: true; readonly attempts: number } | { readonly claimed: false; readonly entry: Entry };

export type TakeResult =
  | { readonly taken: true; readonly ownClaim: boolean; readonly attempts: number }
  | { readonly taken: false; readonly entry: Entry; readonly leaseRemainingMs: number };

export interface Failure {
  readonly code: string;
  readonly cause: string;
  readonly stack: string;
  readonly originStatus: number | null;
  readonly originHost: string | null;
  /** The origin's `Retry-After`, in seconds; absent where it gave none. */
  readonly originRetryAfterSeconds?: number | undefined;
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
  readonly retryAfterMs?: number | undefined;
  readonly willRetry: boolean;
  readonly ttlMs: number;
}

export type ChangeListener = (change: Change) => void;
export type Change =
  /** `pending`: it is being copied, now or still. Every change to another state, or to none, is told by a message of its own. */
  | { readonly type: 'changed'; readonly id: ObjectId; readonly pending: boolean }
  | { readonly type: 'flushed' }
  | { readonly type: 'lost' };

/** Why an entry store that answers does not do what it is asked. */
export interface EntryStoreRefusal {
  /** A stable word, as Redis has it: `NOPERM`. */
  readonly word: string;
  /** A sentence for strangers: what it means, and what to do. Names no user, key or address. */
  readonly advice: string;
}

export class EntryStoreError extends Error {
  override readonly name = 'EntryStoreError';
  readonly code = 'entry_store_unavailable';
  readonly retryable = true;
  /** `null`: it does not answer. */
  readonly refusal: EntryStoreRefusal | null;

  constructor(message: string, options: ErrorOptions & { readonly refusal?: EntryStoreRefusal | null } = {}) {
    super(message, options);
    this.refusal = options.refusal ?? null;
  }
}
