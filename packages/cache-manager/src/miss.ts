import { pause } from '@cloud-mirror/waiting';
import { OriginError, type OriginCallOptions, type OriginDescription } from '@cloud-mirror/origin';
import type { CacheManagerOptions, EntryTimes } from './cache-manager-options.ts';
import {
  entryLifeMs,
  lookUpCopy,
  jobFor,
  type Copy,
  type CopyLookup,
  type MirroredObject,
} from '@cloud-mirror/mirrored-objects';
import type { ExceededBudget } from '@cloud-mirror/copy-budgets';
import { EntryStoreError, type Failure } from '@cloud-mirror/entry-store';
import { OVER_BUDGET_MESSAGE } from './fallback.ts';
import { rememberedSeconds } from './failure-memory.ts';
import { budgeted } from './budgeted.ts';
import { InternalError, isDefect, reportPartFailure } from './internal-error.ts';
import type { MarkerLists } from './marker-lists.ts';
import { publicCause } from './public-cause.ts';
import { stackWithCauses } from './stack-with-causes.ts';
import { storeFailureOf, type StoreFailure } from './store-failure.ts';

/** Delay between sending the job of a claim and extending the claim's lease, in milliseconds. */
const KEEP_AFTER_MS = 500;

/** How long an object counts as over budget before another request tries again, in milliseconds. */
const OVER_BUDGET_MS = 5_000;

/** A claim that this process won for an object. */
export interface WonClaim {
  readonly token: string;
  /** Number of the entry store's connection when the claim was made. */
  readonly epoch: number;
  readonly requestId: string;
  /** The client for whom it was claimed; see `RedirectRequest`. */
  readonly client?: string | undefined;
  /**
   * Generation of the job that the request sent under an earlier claim, which the entry store has lost; `null` if it sent
   * none. That job can take the new claim too.
   */
  readonly sentGeneration: string | null;
}

export type MissResult =
  | { readonly kind: 'found'; readonly copy: Copy }
  /** A job is in the queue. `sent` is true if it was sent for this claim, false if for an earlier one. */
  | { readonly kind: 'queued'; readonly generation: string; readonly sent: boolean }
  /** The result cannot be trusted or written to the entry store. The request must read the entry again. */
  | { readonly kind: 'start_over' }
  | { readonly kind: 'origin_failed'; readonly error: OriginError }
  | { readonly kind: 'store_failed'; readonly reason: StoreFailure }
  | { readonly kind: 'over_budget' }
  | { readonly kind: 'queue_failed' };

type MissOptions = Pick<CacheManagerOptions, 'entries' | 'origin' | 'times' | 'budgets' | 'events'> & {
  readonly markers: MarkerLists;
};

/** Resolves a miss for the winner of a claim: looks in the store and asks the origin in parallel, then sends the job. */
export class Miss {
  readonly #options: MissOptions;

  constructor(options: MissOptions) {
    this.#options = options;
  }

  /**
   * Rejects only because of a programming error.
   * @param ended ends the work when the process ends, not when a client disconnects
   * @param onNotStored called as soon as the store has answered that there is no copy
   */
  async resolve(
    object: MirroredObject,
    claim: WonClaim,
    ended: AbortSignal,
    onNotStored: () => void,
  ): Promise<MissResult> {
    // A separate signal for each miss: adding a listener to a signal takes time in proportion to the listeners it has.
    const signal = AbortSignal.any([ended]);
    const inspection = new AbortController();
    const spent = this.#options.budgets?.spent(budgeted(object)) ?? null;
    const inspected =
      spent === null
        ? this.#inspect(object, {
            signal: AbortSignal.any([signal, inspection.signal]),
            client: claim.client,
            impatient: true,
          })
        : null;
    let lookup: CopyLookup;
    try {
      lookup = await this.#options.markers.lookUp(object, (onMarker) =>
        lookUpCopy(object, this.#options.times, { signal, onMarker }),
      );
    } catch (error) {
      inspection.abort();
      await this.#release(object, claim);
      reportPartFailure(this.#options.events, 'store', object.backend.name, error);
      return { kind: 'store_failed', reason: storeFailureOf(error) };
    }
    if (lookup.copy !== null) {
      inspection.abort();
      return this.#commit(object, claim, lookup.copy);
    }
    // A HEAD cannot distinguish an absent object from an absent bucket: both answer 404.
    if (await this.#options.markers.isStoreMissing(object.id.backend, claim.epoch)) {
      inspection.abort();
      await this.#release(object, claim);
      return { kind: 'store_failed', reason: 'store_missing' };
    }
    onNotStored();
    if (spent !== null) return this.#rememberExcess(object, claim, spent);
    const answer = await inspected;
    if (signal.aborted) {
      // The process is ending, so the failure says nothing about the origin and is not remembered.
      await this.#release(object, claim);
      return { kind: 'start_over' };
    }
    if (answer === null || answer instanceof InternalError) {
      await this.#release(object, claim);
      throw answer ?? new TypeError('the origin was not asked');
    }
    if (answer instanceof OriginError && answer.code === 'origin_busy') {
      // Nothing was learned about the object, and another front end may have connections to spare.
      await this.#release(object, claim);
      return { kind: 'origin_failed', error: answer };
    }
    if (answer instanceof OriginError && answer.code === 'origin_unreachable')
      this.#options.events?.originUnreachable?.(object.url, answer);
    if (answer instanceof OriginError) return this.#rememberRefusal(object, claim, answer);
    return this.#enqueue(object, claim, { lookup, originBytes: answer.sizeBytes }, signal);
  }

  /** The origin's description of the object, or the reason why there is none. */
  async #inspect(
    object: MirroredObject,
    options: OriginCallOptions,
  ): Promise<OriginDescription | OriginError | InternalError> {
    try {
      return await this.#options.origin.inspect(new URL(object.url), options);
    } catch (error) {
      if (error instanceof OriginError) return error;
      if (options.signal?.aborted !== true && isDefect(error)) return new InternalError(error);
      return new OriginError('origin_unreachable', 'the request to the origin failed', { cause: error });
    }
  }

  async #commit(object: MirroredObject, claim: WonClaim, copy: Copy): Promise<MissResult> {
    const { entries, times, events } = this.#options;
    try {
      const committed = await entries.commit(
        object.id,
        claim.token,
        copy,
        entryLifeMs(copy, times, object.backend.store.clock.nowMs()),
      );
      // A new connection may lead to an entry store with older contents, so no result from before it is trusted.
      if (!committed || entries.epoch !== claim.epoch) return { kind: 'start_over' };
      events?.backfilled?.(object.backend.name);
      return { kind: 'found', copy };
    } catch (error) {
      this.#entriesFailed(error);
      return { kind: 'start_over' };
    }
  }

  async #rememberRefusal(object: MirroredObject, claim: WonClaim, error: OriginError): Promise<MissResult> {
    const rememberedMs = rememberedSeconds(error, this.#options.times) * 1000;
    const failure: Failure = {
      ...describeFailure(error, this.#options.times),
      retryAfterMs: rememberedMs,
      willRetry: false,
      ttlMs: rememberedMs,
    };
    try {
      await this.#options.entries.fail(object.id, claim.token, failure);
    } catch (storeError) {
      this.#entriesFailed(storeError);
    }
    return { kind: 'origin_failed', error };
  }

  /** Remembered for seconds, so that requests for one object do not look in the store again and again. */
  async #rememberExcess(
    object: MirroredObject,
    claim: WonClaim,
    exceeded: ExceededBudget,
  ): Promise<MissResult> {
    this.#options.events?.overBudget?.(exceeded);
    const { path, budget, limit } = exceeded;
    const failure: Failure = {
      code: 'over_budget',
      cause: OVER_BUDGET_MESSAGE,
      stack: `a copy would exceed ${path}.budgets.${budget}, which is ${limit}`,
      originStatus: null,
      originHost: null,
      firstRetryMs: OVER_BUDGET_MS,
      longestRetryMs: OVER_BUDGET_MS,
      retryAfterMs: OVER_BUDGET_MS,
      willRetry: false,
      ttlMs: OVER_BUDGET_MS,
    };
    try {
      await this.#options.entries.fail(object.id, claim.token, failure);
    } catch (storeError) {
      this.#entriesFailed(storeError);
    }
    return { kind: 'over_budget' };
  }

  async #enqueue(
    object: MirroredObject,
    claim: WonClaim,
    { lookup, originBytes }: { lookup: CopyLookup; originBytes: number | null },
    signal: AbortSignal,
  ): Promise<MissResult> {
    const { backend } = object;
    const { generation } = lookup;
    if (claim.sentGeneration === generation) return { kind: 'queued', generation, sent: false };
    const { budgets } = this.#options;
    const exceeded = await budgets?.reserve(budgeted(object), originBytes ?? 0);
    if (exceeded) return this.#rememberExcess(object, claim, exceeded);
    try {
      const { token, requestId } = claim;
      const replaces = lookup.replaces ?? undefined;
      const job = jobFor(object, { token, requestId, generation, replaces, originBytes });
      await backend.queue.enqueue(job, { signal });
    } catch (error) {
      await this.#release(object, claim);
      await budgets?.settle(budgeted(object), originBytes ?? 0, 0);
      reportPartFailure(this.#options.events, 'queue', backend.name, error);
      return { kind: 'queue_failed' };
    }
    this.#options.events?.jobEnqueued?.(backend.name);
    return { kind: 'queued', generation, sent: true };
  }

  /**
   * Extends the lease of a claim whose job was sent to the time that a job may wait in the queue. It is delayed, because
   * other calls are more urgent at first. If a worker has taken the job meanwhile, the entry store refuses the extension.
   * A claim that relies on the job of an earlier claim is not extended: if that job is lost, the next request sends another.
   */
  async keepQueued(
    object: MirroredObject,
    claim: WonClaim,
    resolving: Promise<MissResult>,
    ended: AbortSignal,
  ): Promise<void> {
    const { entries, times } = this.#options;
    // The caller that awaits `resolving` handles its errors.
    const result = await resolving.catch(() => null);
    if (result?.kind !== 'queued' || !result.sent) return;
    const pauseMs = Math.min(KEEP_AFTER_MS, claimLeaseMs(times) / 3);
    await pause(pauseMs, ended);
    try {
      await entries.renew(object.id, claim.token, { leaseMs: times.queuedLeaseSeconds * 1000, bytes: 0 });
    } catch (error) {
      this.#entriesFailed(error);
    }
  }

  async #release(object: MirroredObject, claim: WonClaim): Promise<void> {
    try {
      await this.#options.entries.release(object.id, claim.token);
    } catch (error) {
      this.#entriesFailed(error);
    }
  }

  #entriesFailed(error: unknown): void {
    if (!(error instanceof EntryStoreError)) throw error;
    this.#options.events?.partFailed?.('entries', null, error);
  }
}

/**
 * The fields of an `error` entry for a failure: the public cause, and the stack for operators. The caller adds how long the
 * entry is kept and whether a job will retry.
 */
export function describeFailure(
  error: Error & {
    readonly code: string;
    readonly status?: number | null;
    readonly host?: string | null;
    readonly retryAfterSeconds?: number | null;
  },
  times: Pick<CacheManagerOptions['times'], 'errorSeconds'>,
): Omit<Failure, 'retryAfterMs' | 'willRetry' | 'ttlMs'> {
  return {
    code: error.code,
    cause: publicCause(error),
    stack: stackWithCauses(error),
    originStatus: error.status ?? null,
    originHost: error.host ?? null,
    originRetryAfterSeconds: error.retryAfterSeconds ?? undefined,
    firstRetryMs: times.errorSeconds.first * 1000,
    longestRetryMs: times.errorSeconds.longest * 1000,
  };
}

/**
 * Lease of a claim until its job is sent, in milliseconds. It is as short as a copier's lease, so that a process that dies
 * before it sends the job does not block the object for as long as a job may wait in the queue.
 */
export function claimLeaseMs({ queuedLeaseSeconds, copyingLeaseSeconds }: EntryTimes): number {
  return Math.min(queuedLeaseSeconds, copyingLeaseSeconds) * 1000;
}
