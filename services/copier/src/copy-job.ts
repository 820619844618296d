import { setTimeout as sleep } from 'node:timers/promises';
import {
  backendName,
  describeFailure,
  entryLifeMs,
  EntryStoreError,
  freshToken,
  lookUpGeneration,
  mirroredObject,
  readMarker,
  type Backends,
  type Copy,
  type EntryStore,
  type EntryTimes,
  type MirroredObject,
  type TakeResult,
} from '@cloud-mirror/cache-manager';
import { parseJob, type Delivery, type Job } from '@cloud-mirror/job-queue';
import { normalizeOriginUrl, OriginError, OriginUrlError, type Origin } from '@cloud-mirror/origin';
import { StorageError } from '@cloud-mirror/storage-provider';
import { copyObject } from './copy-object.ts';
import { LeaseKeeper, LeaseLostError } from './lease-keeper.ts';
import { retryDelaySeconds } from './retry-delay.ts';

export interface CopyJobParts {
  readonly backends: Backends;
  readonly entries: EntryStore;
  readonly origin: Pick<Origin, 'open' | 'inspect'>;
  readonly times: EntryTimes;
  readonly maxReceiveCount: number;
  readonly onPartFailed: (part: 'entries' | 'store' | 'queue', backend: string, error: unknown) => void;
}

/** How one delivery ended. */
export type JobResult =
  | { readonly outcome: 'copied'; readonly copy: Copy; readonly present: boolean }
  | { readonly outcome: 'already_there' }
  /** Somebody else is at it and this was the last delivery: nothing is wrong that a dead letter would tell. */
  | { readonly outcome: 'left_to_another' }
  /** Somebody else is at it, or nobody here knows what it is, or this process stops. */
  | { readonly outcome: 'given_back'; readonly why: string; readonly delaySeconds: number }
  | { readonly outcome: 'will_retry'; readonly error: Error; readonly delaySeconds: number }
  | { readonly outcome: 'failed'; readonly error: Error }
  | { readonly outcome: 'dead_letter'; readonly error: Error };

/** A delivery under way: what the rules of a job need. */
interface Work {
  readonly job: Job;
  readonly object: MirroredObject;
  readonly delivery: Delivery;
  readonly keeper: LeaseKeeper;
  /** Aborted by a lost lease or by the end of the grace time. */
  readonly signal: AbortSignal;
  readonly onCopied: () => void;
}

/** What was taken, and the failures before this try. */
interface Taken {
  /** Where the entry store did not answer, the take may have been made all the same. */
  readonly token: string;
  readonly ownClaim: boolean;
  readonly failures: number;
}

/** Delay for jobs that another version of this program may understand. */
const UNKNOWN_DELAY_SECONDS = 30;

/**
 * A lease that ends within this time, in milliseconds, is waited for. Lease and visibility of a worker that died end
 * nearly together, and a delivery given back for that moment would be one of few.
 */
const WAITED_LEASE_MS = 2_000;

/** The rules of a job, in their order. Settles the delivery in every case. */
export class CopyJob {
  readonly #parts: CopyJobParts;

  constructor(parts: CopyJobParts) {
    this.#parts = parts;
  }

  /**
   * Runs one delivery of `backend`'s queue to its end. `stop` ends it when the grace time is over; `onCopied` is called where
   * the copy is made and committed, and nothing is left to do but to acknowledge.
   * @throws only where the delivery could not be settled: it comes back by itself then
   */
  async run(
    delivery: Delivery,
    stop: AbortSignal,
    onCopied: () => void = () => undefined,
  ): Promise<JobResult> {
    const parsed = parseJob(delivery.body);
    if (!parsed.ok && parsed.fault === 'malformed') {
      const error = new Error(`not a job: ${parsed.detail}`);
      await delivery.deadLetter(error.message);
      return { outcome: 'dead_letter', error };
    }
    if (!parsed.ok)
      return this.#giveBack(delivery, `a job of another version: ${parsed.detail}`, UNKNOWN_DELAY_SECONDS);
    const { job } = parsed;
    if (!isNormalForm(job.url)) {
      const error = new Error('not a job: its URL is not in normal form');
      await delivery.deadLetter(error.message);
      return { outcome: 'dead_letter', error };
    }
    const backend = this.#parts.backends.get(backendName(job.service, job.region));
    if (backend === undefined) {
      return this.#giveBack(delivery, `no back end ${job.service}/${job.region} here`, UNKNOWN_DELAY_SECONDS);
    }
    await using keeper = new LeaseKeeper({
      entries: this.#parts.entries,
      delivery,
      leaseMs: this.#leaseMs,
      onFailure: (part, error) => this.#parts.onPartFailed(part, backend.name, error),
    });
    const signal = AbortSignal.any([keeper.signal, stop]);
    // Awaited here: the keeper is disposed of where this block ends.
    return await this.#take({
      job,
      object: mirroredObject(backend, job.url),
      delivery,
      keeper,
      signal,
      onCopied,
    });
  }

  /** Step 1: take the entry, under a token that nobody used before. */
  async #take(work: Work): Promise<JobResult> {
    const { object, delivery, keeper } = work;
    const token = freshToken();
    let result: TakeResult;
    try {
      result = await this.#takeEntry(work, token);
    } catch (error) {
      if (!(error instanceof EntryStoreError)) throw error;
      this.#parts.onPartFailed('entries', object.backend.name, error);
      return this.#copy(work, { token, ownClaim: false, failures: delivery.receiveCount - 1 });
    }
    if (result.taken) {
      keeper.keep(object.id, token);
      return this.#copy(work, { token, ownClaim: result.ownClaim, failures: result.attempts });
    }
    await keeper.stop();
    if (result.entry.state === 'present') {
      await delivery.acknowledge();
      return { outcome: 'already_there' };
    }
    if (delivery.receiveCount >= this.#parts.maxReceiveCount) {
      await delivery.acknowledge();
      return { outcome: 'left_to_another' };
    }
    const seconds = Math.max(1, Math.ceil(result.leaseRemainingMs / 1000));
    return this.#giveBack(delivery, 'another worker is copying it', seconds);
  }

  async #takeEntry({ job, object, signal }: Work, token: string): Promise<TakeResult> {
    const take = { token, jobToken: job.token, leaseMs: this.#leaseMs };
    const result = await this.#parts.entries.take(object.id, take);
    const waitMs = Math.min(WAITED_LEASE_MS, this.#leaseMs / 2);
    if (result.taken || result.entry.state === 'present' || result.leaseRemainingMs > waitMs) return result;
    await sleep(result.leaseRemainingMs + 1, undefined, { signal }).catch(() => undefined);
    return signal.aborted ? result : this.#parts.entries.take(object.id, take);
  }

  /** Steps 2 to 7: find out the generation, copy, commit, acknowledge. */
  async #copy(work: Work, taken: Taken): Promise<JobResult> {
    let result: JobResult;
    try {
      result = await this.#makeCopy(work, taken);
    } catch (error) {
      return this.#fail(work, taken, error);
    }
    await work.keeper.stop();
    work.onCopied();
    await work.delivery.acknowledge();
    return result;
  }

  async #makeCopy(work: Work, taken: Taken): Promise<JobResult> {
    const { job, object, delivery, keeper, signal } = work;
    let generation = job.generation;
    let replaces = job.replaces ?? null;
    if (!taken.ownClaim || delivery.receiveCount > 1) {
      ({ generation } = await readMarker(object, signal));
      const found = await lookUpGeneration(object, generation, this.#parts.times, signal);
      if (found.copy !== null) {
        await this.#commit(object, taken.token, found.copy);
        return { outcome: 'already_there' };
      }
      replaces = found.replaces;
    }
    const onProgress = (bytes: number): void => {
      keeper.bytes = bytes;
    };
    const { token } = taken;
    const { originBytes } = job;
    const task = { object, generation, token, replaces, originBytes, signal, onProgress };
    const { copy, copied } = await copyObject(task, this.#parts.origin, this.#parts.times);
    const present = await this.#commit(object, taken.token, copy);
    return copied ? { outcome: 'copied', copy, present } : { outcome: 'already_there' };
  }

  /**
   * Makes the entry `present`. Where our entry is gone the claim is made anew and the marker asked again, so that a copy
   * which was purged meanwhile stays unknown. Any other refusal leaves the object where it is: copiers never delete.
   * @returns whether the entry says `present` now
   */
  async #commit(object: MirroredObject, token: string, copy: Copy): Promise<boolean> {
    const { entries, times } = this.#parts;
    const lifeMs = entryLifeMs(copy, times, Date.now());
    try {
      if (await entries.commit(object.id, token, copy, lifeMs)) return true;
      const again = freshToken();
      const claim = { token: again, leaseMs: this.#leaseMs, copyingLeaseMs: this.#leaseMs };
      if (!(await entries.claim(object.id, claim)).claimed) return false;
      const generation = await readMarker(object).then(
        (marker) => marker.generation,
        (error: unknown) => {
          this.#parts.onPartFailed('store', object.backend.name, error);
          return null;
        },
      );
      if (generation === copy.generation) return await entries.commit(object.id, again, copy, lifeMs);
      await entries.release(object.id, again);
      return false;
    } catch (error) {
      // The object is stored: the next request finds it by HEAD. Copying it again would gain nothing.
      this.#parts.onPartFailed('entries', object.backend.name, error);
      return false;
    }
  }

  async #fail(work: Work, taken: Taken, thrown: unknown): Promise<JobResult> {
    const { delivery, keeper, signal } = work;
    await keeper.stop();
    if (signal.aborted) return this.#stop(work, taken, signal.reason);
    const error = asFailure(thrown);
    if (!error.retryable && error instanceof OriginError) {
      const seconds = this.#parts.times.originAnswerSeconds;
      await this.#remember(work, taken, error, {
        willRetry: false,
        retrySeconds: seconds,
        keepSeconds: seconds,
      });
      await delivery.acknowledge();
      return { outcome: 'failed', error };
    }
    if (!error.retryable || delivery.receiveCount >= this.#parts.maxReceiveCount) {
      const { longest } = this.#parts.times.errorSeconds;
      await this.#remember(work, taken, error, {
        willRetry: false,
        retrySeconds: longest,
        keepSeconds: longest,
      });
      await delivery.deadLetter(`${error.code}: ${error.message}`);
      return { outcome: 'dead_letter', error };
    }
    const failures = Math.max(taken.failures, delivery.receiveCount - 1);
    const delaySeconds = retryDelaySeconds(failures, this.#parts.times.errorSeconds);
    // The entry outlives the moment from which others may claim it: until then the job is expected.
    const keepSeconds = delaySeconds + 2 * this.#parts.times.copyingLeaseSeconds;
    await this.#remember(work, taken, error, { willRetry: true, retrySeconds: delaySeconds, keepSeconds });
    await delivery.retry(delaySeconds);
    return { outcome: 'will_retry', error, delaySeconds };
  }

  /** The lease was lost, or the process ends: nothing is known against the object, so the job goes back at once. */
  async #stop({ object, delivery }: Work, taken: Taken, reason: unknown): Promise<JobResult> {
    if (!(reason instanceof LeaseLostError && reason.lost === 'entry')) {
      try {
        await this.#parts.entries.release(object.id, taken.token);
      } catch (error) {
        this.#parts.onPartFailed('entries', object.backend.name, error);
      }
    }
    const why = reason instanceof Error ? reason.message : 'this worker stops';
    if (reason instanceof LeaseLostError && reason.lost === 'delivery') {
      return { outcome: 'given_back', why, delaySeconds: 0 };
    }
    return this.#giveBack(delivery, why, 0);
  }

  async #giveBack(delivery: Delivery, why: string, delaySeconds: number): Promise<JobResult> {
    await delivery.retry(delaySeconds);
    return { outcome: 'given_back', why, delaySeconds };
  }

  async #remember(
    { object }: Work,
    taken: Taken,
    error: OriginError | StorageError,
    plan: { willRetry: boolean; retrySeconds: number; keepSeconds: number },
  ): Promise<void> {
    try {
      await this.#parts.entries.fail(object.id, taken.token, {
        ...describeFailure(error, this.#parts.times),
        willRetry: plan.willRetry,
        retryAfterMs: plan.retrySeconds * 1000,
        ttlMs: plan.keepSeconds * 1000,
      });
    } catch (storeError) {
      this.#parts.onPartFailed('entries', object.backend.name, storeError);
    }
  }

  get #leaseMs(): number {
    return this.#parts.times.copyingLeaseSeconds * 1000;
  }
}

/**
 * The URL of a job is the identity of its object. Text of which the URL parser makes another URL would have one object
 * fetched and stored as another.
 */
function isNormalForm(url: string): boolean {
  try {
    return normalizeOriginUrl(url).href === url;
  } catch (error) {
    if (error instanceof OriginUrlError) return false;
    throw error;
  }
}

/** What no rule foresees may pass, too: the queue's count of deliveries ends it if not. */
function asFailure(thrown: unknown): OriginError | StorageError {
  if (thrown instanceof OriginError || thrown instanceof StorageError) return thrown;
  return new StorageError('store_unavailable', 'the copy failed unexpectedly', {
    cause: thrown,
    retryable: true,
  });
}
