import { setTimeout as sleep } from 'node:timers/promises';
import {
  backendName,
  describeFailure,
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
import { commitCopy, type Commit } from './commit-copy.ts';
import { copyObject } from './copy-object.ts';
import { firstLeaseMs, LeaseKeeper, LeaseLostError } from './lease-keeper.ts';
import { retryDelaySeconds } from './retry-delay.ts';

export interface CopyJobParts {
  readonly backends: Backends;
  readonly entries: EntryStore;
  readonly origin: Pick<Origin, 'open' | 'inspect'>;
  readonly times: EntryTimes;
  readonly maxReceiveCount: number;
  readonly onPartFailed: (part: 'entries' | 'store' | 'queue', backend: string, error: unknown) => void;
}

/** The entry store could not be told how it ended: the job comes again after so long to tell it. */
interface Untold {
  readonly againSeconds?: number;
}

/** How one delivery ended. */
export type JobResult =
  | ({ readonly outcome: 'copied'; readonly copy: Copy; readonly present: boolean } & Untold)
  | ({ readonly outcome: 'already_there' } & Untold)
  /** Somebody else is at it and this was the last delivery: nothing is wrong that a dead letter would tell. */
  | { readonly outcome: 'left_to_another' }
  /** Somebody else is at it, or nobody here knows what it is, or this process stops. */
  | { readonly outcome: 'given_back'; readonly why: string; readonly delaySeconds: number }
  | { readonly outcome: 'will_retry'; readonly error: Error; readonly delaySeconds: number }
  | ({ readonly outcome: 'failed'; readonly error: Error } & Untold)
  | { readonly outcome: 'dead_letter'; readonly error: Error };

type CopyEnd = Extract<JobResult, { outcome: 'copied' | 'already_there' | 'failed' }>;

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
  readonly token: string;
  /** False: the entry store did not answer. The take may have been made all the same. */
  readonly held: boolean;
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
/** Pauses before a commit is tried again that the entry store did not answer, in milliseconds. */
const COMMIT_AGAIN_MS = [1_000, 2_000, 4_000];

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
      return this.#copy(work, { token, held: false, ownClaim: false, failures: delivery.receiveCount - 1 });
    }
    if (result.taken) {
      keeper.keep(object.id, token);
      return this.#copy(work, { token, held: true, ownClaim: result.ownClaim, failures: result.attempts });
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
    const take = { token, jobToken: job.token, leaseMs: firstLeaseMs(this.#leaseMs) };
    const result = await this.#parts.entries.take(object.id, take);
    const waitMs = Math.min(WAITED_LEASE_MS, this.#leaseMs / 2);
    if (result.taken || result.entry.state === 'present' || result.leaseRemainingMs > waitMs) return result;
    await sleep(result.leaseRemainingMs + 1, undefined, { signal }).catch(() => undefined);
    return signal.aborted ? result : this.#parts.entries.take(object.id, take);
  }

  /** Steps 2 to 7: find out the generation, copy, commit, acknowledge. */
  async #copy(work: Work, taken: Taken): Promise<JobResult> {
    let made: { readonly commit: Commit; readonly result: CopyEnd };
    try {
      made = await this.#makeCopy(work, taken);
    } catch (error) {
      return this.#fail(work, taken, error);
    }
    await work.keeper.stop();
    work.onCopied();
    return this.#done(work, made.result, made.commit !== 'untold');
  }

  /**
   * Acknowledges the delivery. Where the entry store was not told, the entry may be a front end's claim, on which everybody
   * waits for as long as a job may be queued: the job comes again, while it may, to find what it left and to tell it.
   */
  async #done(work: Work, result: CopyEnd, told: boolean): Promise<JobResult> {
    const { delivery } = work;
    if (told || delivery.receiveCount >= this.#parts.maxReceiveCount) {
      await delivery.acknowledge();
      return result;
    }
    const againSeconds = retryDelaySeconds(delivery.receiveCount - 1, this.#parts.times.errorSeconds);
    await delivery.retry(againSeconds);
    return { ...result, againSeconds };
  }

  async #makeCopy(work: Work, taken: Taken): Promise<{ commit: Commit; result: CopyEnd }> {
    const { job, object, delivery, keeper, signal } = work;
    let generation = job.generation;
    let replaces = job.replaces ?? null;
    if (!taken.ownClaim || delivery.receiveCount > 1) {
      ({ generation } = await readMarker(object, signal));
      const found = await lookUpGeneration(object, generation, this.#parts.times, signal);
      if (found.copy !== null) {
        const commit = await this.#commit(work, taken, found.copy);
        return { commit, result: { outcome: 'already_there' } };
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
    const commit = await this.#commit(work, taken, copy);
    if (!copied) return { commit, result: { outcome: 'already_there' } };
    return { commit, result: { outcome: 'copied', copy, present: commit === 'present' } };
  }

  /** What is held is kept from everybody else until its lease ends: a moment without the entry store is waited for. */
  async #commit({ object, signal }: Work, taken: Taken, copy: Copy): Promise<Commit> {
    let commit = await commitCopy(this.#parts, object, taken.token, copy);
    for (const delayMs of taken.held ? COMMIT_AGAIN_MS : []) {
      if (commit !== 'untold' || signal.aborted) break;
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
      commit = await commitCopy(this.#parts, object, taken.token, copy);
    }
    // The take was not made: what refuses may be the very claim that sent the job, which nobody else will end.
    return commit === 'refused' && !taken.held ? 'untold' : commit;
  }

  async #fail(work: Work, taken: Taken, thrown: unknown): Promise<JobResult> {
    const { delivery, keeper, signal } = work;
    await keeper.stop();
    if (signal.aborted) return this.#stop(work, taken, signal.reason);
    const error = asFailure(thrown);
    if (!error.retryable && error instanceof OriginError) {
      const seconds = this.#parts.times.originAnswerSeconds;
      const told = await this.#remember(work, taken, error, {
        willRetry: false,
        retrySeconds: seconds,
        keepSeconds: seconds,
      });
      return this.#done(work, { outcome: 'failed', error }, told);
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
  async #stop(work: Work, taken: Taken, reason: unknown): Promise<JobResult> {
    const { object, delivery } = work;
    const lost = reason instanceof LeaseLostError ? reason.lost : null;
    if (lost !== 'entry') {
      try {
        await this.#parts.entries.release(object.id, taken.token);
      } catch (error) {
        this.#parts.onPartFailed('entries', object.backend.name, error);
      }
    }
    const why = reason instanceof Error ? reason.message : 'this worker stops';
    if (lost === 'delivery' || (lost === null && (await this.#sentAnew(work))))
      return { outcome: 'given_back', why, delaySeconds: 0 };
    return this.#giveBack(delivery, why, 0);
  }

  /**
   * The queue makes a dead letter of what is given back on its last delivery. A worker that is told to stop says nothing
   * against a job, so an equal one takes its place; both may be delivered where the acknowledgement fails. Not so where a
   * lease was lost: a job that keeps its workers busy beyond it must come to an end.
   */
  async #sentAnew({ job, object, delivery }: Work): Promise<boolean> {
    if (delivery.receiveCount < this.#parts.maxReceiveCount) return false;
    const { backend } = object;
    try {
      await backend.queue.enqueue(job);
      await delivery.acknowledge();
      return true;
    } catch (error) {
      this.#parts.onPartFailed('queue', backend.name, error);
      return false;
    }
  }

  async #giveBack(delivery: Delivery, why: string, delaySeconds: number): Promise<JobResult> {
    await delivery.retry(delaySeconds);
    return { outcome: 'given_back', why, delaySeconds };
  }

  /** @returns whether the entry store was told */
  async #remember(
    { object }: Work,
    taken: Taken,
    error: OriginError | StorageError,
    plan: { willRetry: boolean; retrySeconds: number; keepSeconds: number },
  ): Promise<boolean> {
    try {
      await this.#parts.entries.fail(object.id, taken.token, {
        ...describeFailure(error, this.#parts.times),
        willRetry: plan.willRetry,
        retryAfterMs: plan.retrySeconds * 1000,
        ttlMs: plan.keepSeconds * 1000,
      });
      return true;
    } catch (storeError) {
      this.#parts.onPartFailed('entries', object.backend.name, storeError);
      return false;
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
