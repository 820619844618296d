import {
  describeFailure,
  heededSeconds,
  rememberedSeconds,
  InternalError,
  type EntryTimes,
} from '@cloud-mirror/cache-manager';
import type { EntryStore } from '@cloud-mirror/entry-store';
import type { MirroredObject, Job } from '@cloud-mirror/mirrored-objects';
import { QueueError, type Delivery } from '@cloud-mirror/job-queue';
import { OriginError } from '@cloud-mirror/origin';
import { StorageError } from '@cloud-mirror/storage-provider';
import type { CopyEnd, JobResult } from './job-result.ts';
import { LeaseLostError, type LeaseKeeper } from './lease-keeper.ts';
import { retryDelaySeconds } from './retry-delay.ts';

export interface JobEndingParts {
  readonly entries: Pick<EntryStore, 'fail' | 'release'>;
  readonly times: EntryTimes;
  readonly maxReceiveCount: number;
  readonly onPartFailed: (part: 'entries' | 'store' | 'queue', backend: string, error: unknown) => void;
}

/** A delivery under way: what the rules of a job need. */
export interface Work {
  readonly job: Job;
  readonly object: MirroredObject;
  readonly delivery: Delivery;
  readonly keeper: LeaseKeeper;
  /** Aborted by a lost lease or by the end of the grace time. */
  readonly signal: AbortSignal;
  readonly onCopied: () => void;
}

/** What was taken, and the failures before this try. */
export interface Taken {
  readonly token: string;
  /** False: the entry store did not answer. The take may have been made all the same. */
  readonly held: boolean;
  readonly ownClaim: boolean;
  readonly failures: number;
}

/** What becomes of a delivery when the work on it is over: the entry is told, and the delivery settled. */
export class JobEnding {
  readonly #parts: JobEndingParts;

  constructor(parts: JobEndingParts) {
    this.#parts = parts;
  }

  /**
   * Acknowledges the delivery. Where the entry store was not told, the entry may be a front end's claim, on which everybody
   * waits for as long as a job may be queued: the job comes again, while it may, to find what it left and to tell it.
   */
  async done(work: Work, result: CopyEnd, told: boolean): Promise<JobResult> {
    const { delivery } = work;
    if (told || delivery.receiveCount >= this.#parts.maxReceiveCount) {
      await delivery.acknowledge();
      return result;
    }
    const againSeconds = retryDelaySeconds(delivery.receiveCount - 1, this.#parts.times.errorSeconds);
    await delivery.retry(againSeconds);
    return { ...result, againSeconds };
  }

  /** Stops the lease, tells the entry what went wrong, where anything did, and has the job come again where that may help. */
  async fail(work: Work, taken: Taken, thrown: unknown): Promise<JobResult> {
    const { delivery, keeper, signal } = work;
    await keeper.stop();
    if (signal.aborted) return this.#stop(work, taken, signal.reason);
    const error = asFailure(thrown);
    const heeded = error instanceof OriginError ? heededSeconds(error) : 0;
    if (!error.retryable && error instanceof OriginError) {
      const seconds = rememberedSeconds(error, this.#parts.times);
      const told = await this.#remember(work, taken, error, {
        willRetry: false,
        retrySeconds: seconds,
        keepSeconds: seconds,
      });
      return this.done(work, { outcome: 'failed', error }, told);
    }
    if (!error.retryable || delivery.receiveCount >= this.#parts.maxReceiveCount) {
      const longest = Math.max(this.#parts.times.errorSeconds.longest, heeded);
      await this.#remember(work, taken, error, {
        willRetry: false,
        retrySeconds: longest,
        keepSeconds: longest,
      });
      await delivery.deadLetter(`${error.code}: ${error.message}`);
      return { outcome: 'dead_letter', error };
    }
    const failures = Math.max(taken.failures, delivery.receiveCount - 1);
    const backoffSeconds = retryDelaySeconds(failures, this.#parts.times.errorSeconds);
    const delaySeconds = Math.max(backoffSeconds, heeded);
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
    return this.giveBack(delivery, why, 0);
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

  /** Somebody gets it again after so long, or has it by now: a worker that was frozen lost its delivery, too. */
  async giveBack(delivery: Delivery, why: string, delaySeconds: number): Promise<JobResult> {
    try {
      await delivery.retry(delaySeconds);
    } catch (error) {
      if (!(error instanceof QueueError && error.code === 'delivery_lost')) throw error;
    }
    return { outcome: 'given_back', why, delaySeconds };
  }

  /** @returns whether the entry store was told */
  async #remember(
    { object }: Work,
    taken: Taken,
    error: OriginError | StorageError | InternalError,
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
}

/** A defect may show at one try and not at the next: the queue's count of deliveries ends it if not. */
function asFailure(thrown: unknown): OriginError | StorageError | InternalError {
  if (thrown instanceof OriginError || thrown instanceof StorageError) return thrown;
  return new InternalError(thrown);
}
