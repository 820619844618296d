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

/** A running delivery, with all that the steps of a job need. */
export interface Work {
  readonly job: Job;
  readonly object: MirroredObject;
  readonly delivery: Delivery;
  readonly keeper: LeaseKeeper;
  /** Aborted when a lease is lost or the grace time ends. */
  readonly signal: AbortSignal;
  readonly onCopied: () => void;
}

/** The take of the entry, and the number of failures before this attempt. */
export interface Taken {
  readonly token: string;
  /** False if the entry store did not answer. It may have recorded the take nevertheless. */
  readonly held: boolean;
  readonly ownClaim: boolean;
  readonly failures: number;
}

/** Ends the work on a delivery: records the outcome in the entry and settles the delivery. */
export class JobEnding {
  readonly #parts: JobEndingParts;

  constructor(parts: JobEndingParts) {
    this.#parts = parts;
  }

  /**
   * Acknowledges the delivery. If the outcome is not recorded in the entry store, the entry may still be a front end's
   * claim, and clients would wait until that claim expires. So the job is retried, while it has deliveries left, to
   * find the copy and record it.
   */
  async done(work: Work, result: CopyEnd, recorded: boolean): Promise<JobResult> {
    const { delivery } = work;
    if (recorded || delivery.receiveCount >= this.#parts.maxReceiveCount) {
      await delivery.acknowledge();
      return result;
    }
    const againSeconds = retryDelaySeconds(delivery.receiveCount - 1, this.#parts.times.errorSeconds);
    await delivery.retry(againSeconds);
    return { ...result, againSeconds };
  }

  /** Ends the lease, records the error in the entry, and schedules a retry of the job if that may help. */
  async fail(work: Work, taken: Taken, thrown: unknown): Promise<JobResult> {
    const { delivery, keeper, signal } = work;
    await keeper.stop();
    if (signal.aborted) return this.#stop(work, taken, signal.reason);
    const error = asFailure(thrown);
    const heeded = error instanceof OriginError ? heededSeconds(error) : 0;
    if (!error.retryable && error instanceof OriginError) {
      const seconds = rememberedSeconds(error, this.#parts.times);
      const recorded = await this.#recordFailure(work, taken, error, {
        willRetry: false,
        retrySeconds: seconds,
        keepSeconds: seconds,
      });
      return this.done(work, { outcome: 'failed', error }, recorded);
    }
    if (!error.retryable || delivery.receiveCount >= this.#parts.maxReceiveCount) {
      const longest = Math.max(this.#parts.times.errorSeconds.longest, heeded);
      await this.#recordFailure(work, taken, error, {
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
    // The entry lives longer than the delay after which others may claim it, because the retry is expected first.
    const keepSeconds = delaySeconds + 2 * this.#parts.times.copyingLeaseSeconds;
    await this.#recordFailure(work, taken, error, {
      willRetry: true,
      retrySeconds: delaySeconds,
      keepSeconds,
    });
    await delivery.retry(delaySeconds);
    return { outcome: 'will_retry', error, delaySeconds };
  }

  /** After a lost lease or at the end of the process: the object is not at fault, so the job is given back at once. */
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
    if (lost === 'delivery' || (lost === null && (await this.#sendAgain(work))))
      return { outcome: 'given_back', why, delaySeconds: 0 };
    return this.giveBack(delivery, why, 0);
  }

  /**
   * The queue moves a job that is given back on its last delivery to the dead letters. A worker that stops is not the
   * job's fault, so an equal job is sent in its place; if the acknowledgement then fails, both are delivered. This does
   * not apply to a lost lease: a job that makes its workers exceed their lease must end as a dead letter.
   *
   * @returns whether an equal job was sent and this delivery acknowledged
   */
  async #sendAgain({ job, object, delivery }: Work): Promise<boolean> {
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

  /** Gives the delivery back. Another worker may have it already, because a frozen worker loses its delivery. */
  async giveBack(delivery: Delivery, why: string, delaySeconds: number): Promise<JobResult> {
    try {
      await delivery.retry(delaySeconds);
    } catch (error) {
      if (!(error instanceof QueueError && error.code === 'delivery_lost')) throw error;
    }
    return { outcome: 'given_back', why, delaySeconds };
  }

  /** @returns whether the entry store recorded the failure */
  async #recordFailure(
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

/** A defect may be transient, so it is retryable; the queue's count of deliveries bounds the retries. */
function asFailure(thrown: unknown): OriginError | StorageError | InternalError {
  if (thrown instanceof OriginError || thrown instanceof StorageError) return thrown;
  return new InternalError(thrown);
}
