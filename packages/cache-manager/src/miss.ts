import { pause } from '@cloud-mirror/waiting';
import { OriginError, type OriginDescription } from '@cloud-mirror/origin';
import type { CacheManagerOptions, EntryTimes } from './cache-manager-options.ts';
import {
  entryLifeMs,
  lookUpCopy,
  jobFor,
  type Copy,
  type CopyLookup,
  type MirroredObject,
} from '@cloud-mirror/mirrored-objects';
import { EntryStoreError, type Failure } from '@cloud-mirror/entry-store';
import { rememberedSeconds } from './failure-memory.ts';
import { InternalError, isDefect, reportPartFailure } from './internal-error.ts';
import type { MarkerLists } from './marker-lists.ts';
import { publicCause } from './public-cause.ts';
import { stackWithCauses } from './stack-with-causes.ts';
import { storeFailureOf, type StoreFailure } from './store-failure.ts';

/** Until a claim is kept whose job was sent, in milliseconds. */
const KEEP_AFTER_MS = 500;

/** The claim that this process won for an object. */
export interface WonClaim {
  readonly token: string;
  /** Number of the entry store's connection when the claim was made. */
  readonly epoch: number;
  readonly requestId: string;
  /**
   * Generation of a job that the request has sent under an earlier claim, which was lost with the entry store's contents;
   * `null`: it sent none. That job takes the new claim as well.
   */
  readonly sentGeneration: string | null;
}

export type MissResult =
  | { readonly kind: 'found'; readonly copy: Copy }
  /** A job is on its way. `sent`: for this claim, and not for an earlier one. */
  | { readonly kind: 'queued'; readonly generation: string; readonly sent: boolean }
  /** What was found out cannot be trusted or written down: look at the entry again. */
  | { readonly kind: 'start_over' }
  | { readonly kind: 'origin_failed'; readonly error: OriginError }
  | { readonly kind: 'store_failed'; readonly reason: StoreFailure }
  | { readonly kind: 'queue_failed' };

type MissOptions = Pick<CacheManagerOptions, 'entries' | 'origin' | 'times' | 'events'> & {
  readonly markers: MarkerLists;
};

/** What the winner of a claim does with it: look in the store and at the origin, side by side, then send the job. */
export class Miss {
  readonly #options: MissOptions;

  constructor(options: MissOptions) {
    this.#options = options;
  }

  /**
   * Never rejects but by a programming error. `onNotStored` is called as soon as the store has said that there is no
   * copy. `ended` ends the work when the process does, not when a client goes away.
   */
  async resolve(
    object: MirroredObject,
    claim: WonClaim,
    ended: AbortSignal,
    onNotStored: () => void,
  ): Promise<MissResult> {
    // One of its own: a signal that listens for thousands of misses looks through all of them for each one more.
    const signal = AbortSignal.any([ended]);
    const inspection = new AbortController();
    const inspected = this.#inspect(object, AbortSignal.any([signal, inspection.signal]));
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
    // A HEAD does not tell an absent object from an absent bucket: both are 404.
    if (await this.#options.markers.isStoreMissing(object.id.backend, claim.epoch)) {
      inspection.abort();
      await this.#release(object, claim);
      return { kind: 'store_failed', reason: 'store_missing' };
    }
    onNotStored();
    const answer = await inspected;
    if (signal.aborted) {
      // This process ends: that says nothing about the origin, so nothing is remembered against it.
      await this.#release(object, claim);
      return { kind: 'start_over' };
    }
    if (answer instanceof InternalError) {
      await this.#release(object, claim);
      throw answer;
    }
    if (answer instanceof OriginError && answer.code === 'origin_unreachable')
      this.#options.events?.originUnreachable?.(object.url, answer);
    if (answer instanceof OriginError) return this.#rememberRefusal(object, claim, answer);
    return this.#enqueue(object, claim, { lookup, originBytes: answer.sizeBytes }, signal);
  }

  /** What the origin says of the object, or why it will not give it. */
  async #inspect(
    object: MirroredObject,
    signal: AbortSignal,
  ): Promise<OriginDescription | OriginError | InternalError> {
    try {
      return await this.#options.origin.inspect(new URL(object.url), { signal });
    } catch (error) {
      if (error instanceof OriginError) return error;
      if (!signal.aborted && isDefect(error)) return new InternalError(error);
      return new OriginError('origin_unreachable', 'the origin could not be asked', { cause: error });
    }
  }

  async #commit(object: MirroredObject, claim: WonClaim, copy: Copy): Promise<MissResult> {
    const { entries, times, events } = this.#options;
    try {
      const committed = await entries.commit(
        object.id,
        claim.token,
        copy,
        entryLifeMs(copy, times, Date.now()),
      );
      // A replaced connection may lead to an entry store with older contents: nothing begun before it is trusted.
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

  async #enqueue(
    object: MirroredObject,
    claim: WonClaim,
    { lookup, originBytes }: { lookup: CopyLookup; originBytes: number | null },
    signal: AbortSignal,
  ): Promise<MissResult> {
    const { backend } = object;
    const { generation } = lookup;
    if (claim.sentGeneration === generation) return { kind: 'queued', generation, sent: false };
    try {
      const { token, requestId } = claim;
      const replaces = lookup.replaces ?? undefined;
      const job = jobFor(object, { token, requestId, generation, replaces, originBytes });
      await backend.queue.enqueue(job, { signal });
    } catch (error) {
      await this.#release(object, claim);
      reportPartFailure(this.#options.events, 'queue', backend.name, error);
      return { kind: 'queue_failed' };
    }
    this.#options.events?.jobEnqueued?.(backend.name);
    return { kind: 'queued', generation, sent: true };
  }

  /**
   * The job of a claim may wait for as long as jobs may. Refused where a worker has taken it by now, and so not done at once:
   * most jobs wait for a moment, in which there is enough to do. A claim without a job of its own is not kept: should that of
   * the earlier claim be lost, the next request sends another one.
   */
  async keepQueued(
    object: MirroredObject,
    claim: WonClaim,
    resolving: Promise<MissResult>,
    ended: AbortSignal,
  ): Promise<void> {
    const { entries, times } = this.#options;
    // Whoever waits for it hears of its faults.
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
 * What an `error` entry says of a failure, to the public and in private; how long it is kept and whether a job will
 * come again is the caller's.
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
 * Length of a claim until its job is sent, in milliseconds: that of a sign of life. A process that dies in between must not
 * keep everybody waiting for as long as a job may be queued.
 */
export function claimLeaseMs({ queuedLeaseSeconds, copyingLeaseSeconds }: EntryTimes): number {
  return Math.min(queuedLeaseSeconds, copyingLeaseSeconds) * 1000;
}
