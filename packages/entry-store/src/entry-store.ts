import type { RedisRefusal } from '@cloud-mirror/redis';
import type { Copy, ObjectId } from '@cloud-mirror/mirrored-objects';

/**
 * The state of each object in each back end. It is a cache and never the authority: losing all of it is harmless.
 *
 * Contract for every adapter:
 * - Every method is one atomic step. All times are by the store's own clock, in milliseconds since 1970.
 * - Every write but a claim names the token of its writer, a fencing token. It is refused (`false`) if the entry is
 *   absent or has another token: only claims and takes create entries. A purge calls `drop` without a token.
 * - A write that is repeated with the same token (after a lost reply, or because a client resent it) returns the result
 *   of the first one.
 * - Every successful write notifies the listeners of `subscribe`, in every process.
 * - Every method rejects with an {@link EntryStoreError} within the configured time limit.
 */
export interface EntryStore extends AsyncDisposable {
  get(id: ObjectId): Promise<Entry | null>;

  /**
   * Makes the entry `pending`, phase `queued`, with `claim.token`. Succeeds if the entry is absent, its lease has ended,
   * or it is an `error` whose retry time passed more than `claim.copyingLeaseMs` ago. Keeps the count of attempts.
   *
   * With `claim.check`, it also succeeds if the entry is the `error` with that token, unless a check of it began less than
   * `claim.check.intervalMs` ago, in any process. The count of attempts then begins again.
   */
  claim(id: ObjectId, claim: Claim): Promise<ClaimResult>;

  /**
   * Makes the entry a copier's: `pending`, phase `copying`, with `take.token`. Succeeds if the entry is absent, an
   * `error`, or any *queued* claim. Refused if another copier is copying, or if the entry is `present`.
   * In the result, `ownClaim` is true if the entry was the queued claim whose token is `take.jobToken`.
   */
  take(id: ObjectId, take: Take): Promise<TakeResult>;

  /** Extends the lease of a `pending` entry to `leaseMs` from now and records the bytes copied so far. */
  renew(id: ObjectId, token: string, renewal: { leaseMs: number; bytes: number }): Promise<boolean>;

  /** `pending` → `present`, for `ttlMs`. */
  commit(id: ObjectId, token: string, copy: Copy, ttlMs: number): Promise<boolean>;

  /**
   * `pending` → `error`, with one attempt more. The entry is kept for `failure.ttlMs`. The retry time is
   * `failure.retryAfterMs` from now; if that is not given, min(longest, first × 2^(attempts−1)).
   */
  fail(id: ObjectId, token: string, failure: Failure): Promise<boolean>;

  /**
   * Notes that the copy of a `present` entry is about to be checked. Listeners are not notified, because readers see no
   * change.
   * @returns false if the entry has another token or state, or a check of it began less than `intervalMs` ago, in any
   *   process: the caller need not check it
   */
  noteCheck(id: ObjectId, token: string, intervalMs: number): Promise<boolean>;

  /** `pending` → absent: gives up a claim or take that cannot be used. */
  release(id: ObjectId, token: string): Promise<boolean>;

  /** Any state → absent. With `token`, only if the entry still has that token. @returns whether an entry was removed */
  drop(id: ObjectId, token?: string): Promise<boolean>;

  /** Drops every entry of the back ends. @returns the number of entries dropped */
  flush(backends: readonly string[]): Promise<number>;

  /**
   * A random text that changes with every `drop` and `flush` that may have removed an entry: after the entries are gone
   * and before the call resolves. No text ever returns. A caller that reads the same seal twice on one connection
   * ({@link epoch}) therefore knows that no drop or flush ended in between. The store may lose the seal at any time and
   * then has a new one.
   */
  seal(): Promise<string>;

  /**
   * Calls the listener for every change. Messages may be reordered, duplicated or lost: a message is a reason to read
   * the entry again, never a fact. After `lost`, messages may have been missed, and a listener that keeps entries in
   * memory must discard all of them.
   */
  subscribe(listener: ChangeListener): Disposable;

  /**
   * Number of the connection. A new connection may lead to another server with older contents. Callers compare the
   * epoch before and after a call, and do not trust the answer if it changed.
   */
  readonly epoch: number;

  /** The longest time until a call rejects, in milliseconds. */
  readonly timeLimitMs: number;

  /** Resolves if the store answers, accepts writes, and permits every command that the other methods need. */
  check(): Promise<void>;

  /** Facts about the server, for operators. Adapters without a server omit this method. */
  server?(): Promise<EntryServer>;

  [Symbol.asyncDispose](): Promise<void>;
}

export interface EntryServer {
  /** As the server reports it; `null` if it does not. */
  readonly version: string | null;
  /** The server's own name for its eviction policy; `null` if its memory has no limit, or if it reports no policy. */
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
  /** Number of failures of this object before this claim. */
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
  /** A stable snake_case word. */
  readonly code: string;
  /** A sentence for clients. */
  readonly cause: string;
  /** For operators only. */
  readonly stack: string;
  /** HTTP status of the origin; `null` if the failure was not a status. */
  readonly originStatus: number | null;
  readonly originHost: string | null;
  /** The origin's `Retry-After`, in seconds from `since`; absent if it sent none, and in entries of earlier versions. */
  readonly originRetryAfterSeconds?: number | undefined;
  readonly attempts: number;
  readonly retryAt: number;
  /** False if no job will retry the copy. */
  readonly willRetry: boolean;
}

export interface Claim {
  readonly token: string;
  readonly leaseMs: number;
  readonly copyingLeaseMs: number;
  /** The `error` that is to be checked again, by its token, and the least time between two checks of one error. */
  readonly check?: { readonly token: string; readonly intervalMs: number } | undefined;
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
  /** The origin's `Retry-After`, in seconds; absent if it sent none. */
  readonly originRetryAfterSeconds?: number | undefined;
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
  readonly retryAfterMs?: number | undefined;
  readonly willRetry: boolean;
  readonly ttlMs: number;
}

export type ChangeListener = (change: Change) => void;
export type Change =
  /** `pending` is the entry's new state. A later change to another state, or to absent, sends a message too. */
  | { readonly type: 'changed'; readonly id: ObjectId; readonly pending: boolean }
  | { readonly type: 'flushed' }
  | { readonly type: 'lost' };

/** Why an entry store that answers refuses a call. */
export type EntryStoreRefusal = RedisRefusal;

export class EntryStoreError extends Error {
  override readonly name = 'EntryStoreError';
  readonly code = 'entry_store_unavailable';
  readonly retryable = true;
  /** `null` if the entry store does not answer. */
  readonly refusal: EntryStoreRefusal | null;

  constructor(message: string, options: ErrorOptions & { readonly refusal?: EntryStoreRefusal | null } = {}) {
    super(message, options);
    this.refusal = options.refusal ?? null;
  }
}
