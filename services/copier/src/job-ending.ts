import {
  describeFailure,
  heededSeconds,
  rememberedSeconds,
  InternalError,
  type EntryTimes,
} from '@cloud-mirror/cache-manager';
import { EntryStoreError, type EntryStore } from '@cloud-mirror/entry-store';
import { freshToken, type MirroredObject, type Job } from '@cloud-mirror/mirrored-objects';
import { QueueError, type Delivery } from '@cloud-mirror/job-queue';
import { OriginError } from '@cloud-mirror/origin';
import { StorageError } from '@cloud-mirror/storage-provider';
import { slotHost, TurnEndedError, type CopyTurn, type NoTurn } from './copy-turn.ts';
import type { CopyEnd, JobResult } from './job-result.ts';
import { LeaseLostError, type LeaseKeeper } from './lease-keeper.ts';
import { ReturnDelays } from './return-delays.ts';
import { retryDelaySeconds } from './retry-delay.ts';

export interface JobEndingParts {
  readonly entries: Pick<EntryStore, 'claim' | 'fail' | 'release' | 'renew'>;
  readonly times: EntryTimes;
  readonly maxReceiveCount: number;
  readonly onPartFailed: (part: 'entries' | 'store' | 'queue', backend: string, error: unknown) => void;
}

/** A delivery that waits for a slot. */
export interface Queued {
  readonly job: Job;
  readonly object: MirroredObject;
  readonly delivery: Delivery;
  /** Deliveries that count towards `maxReceiveCount`, including this one and those of the messages before this one. */
  readonly deliveries: number;
  readonly keeper: LeaseKeeper;
}

/** A running delivery, with all that the steps of a job need. */
export interface Work extends Queued {
  readonly turn: CopyTurn;
  /** Aborted when a lease is lost, the copy has to end, or the grace time ends. */
  readonly signal: AbortSignal;
}

/** The limit of `Job.givenBack`. */
const MOST_COUNTED = 1_000_000;

/** Why the job goes back, in logs, and whether it is delayed so that those behind it are reached. */
const NO_TURN: Record<NoTurn | 'too_slow', { readonly why: string; readonly isDelayed: boolean }> = {
  too_many_waiting: { why: 'too many jobs wait for a copy slot', isDelayed: true },
  too_slow: { why: 'the copy is slow, and others need its slot', isDelayed: true },
  waited_too_long: { why: 'no copy slot became free', isDelayed: false },
  stopping: { why: 'this worker stops', isDelayed: false },
};

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
  readonly #returns = new ReturnDelays();

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
    if (recorded || work.deliveries >= this.#parts.maxReceiveCount) {
      await delivery.acknowledge();
      return result;
    }
    const againSeconds = retryDelaySeconds(work.deliveries - 1, this.#parts.times.errorSeconds);
    await delivery.retry(againSeconds);
    return { ...result, againSeconds };
  }

  /** Ends the lease, records the error in the entry, and schedules a retry of the job if that may help. */
  async fail(work: Work, taken: Taken, thrown: unknown): Promise<JobResult> {
    const { delivery, deliveries, keeper, signal } = work;
    await keeper.stop();
    if (signal.reason instanceof TurnEndedError) return this.#yield(work, taken);
    if (signal.aborted) return this.#stop(work, taken, signal.reason);
    const error = asFailure(thrown);
    if (this.#brokeByPause(work, error)) return this.#yield(work, taken);
    const heeded = error instanceof OriginError ? heededSeconds(error) : 0;
    if (!error.retryable && (error instanceof OriginError || error.code === 'store_expires')) {
      const seconds = this.#failedSeconds(error);
      const recorded = await this.#recordFailure(work, taken, error, {
        willRetry: false,
        retrySeconds: seconds,
        keepSeconds: seconds,
      });
      return this.done(work, { outcome: 'failed', error }, recorded);
    }
    if (!error.retryable || deliveries >= this.#parts.maxReceiveCount) {
      const longest = Math.max(this.#parts.times.errorSeconds.longest, heeded);
      await this.#recordFailure(work, taken, error, {
        willRetry: false,
        retrySeconds: longest,
        keepSeconds: longest,
      });
      await delivery.deadLetter(`${error.code}: ${error.message}`);
      return { outcome: 'dead_letter', error };
    }
    const failures = Math.max(taken.failures, deliveries - 1);
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

  /**
   * Sends a job that got no slot again, as a new message, because the queue counts each delivery as a try. The claim is
   * the new message's, and is renewed so that no other job is sent for the object meanwhile.
   */
  async sendBack(queued: Queued, reason: NoTurn): Promise<JobResult> {
    const { job, object } = queued;
    try {
      const leaseMs = this.#parts.times.queuedLeaseSeconds * 1000;
      await this.#parts.entries.renew(object.id, job.token, { leaseMs, bytes: 0 });
    } catch (error) {
      this.#parts.onPartFailed('entries', object.backend.name, error);
    }
    const { isDelayed } = NO_TURN[reason];
    const delaySeconds = isDelayed ? this.#delayOf(job) : 0;
    return this.#sendInPlace(queued, reason, { token: job.token, delaySeconds });
  }

  #delayOf(job: Job): number {
    return this.#returns.next(slotHost(job), job.givenBack ?? 0, performance.now());
  }

  /** Notes that a job of the host no longer needs its slot, so that those that were given back come in time. */
  ranToEnd(job: Job): void {
    this.#returns.ended(slotHost(job), performance.now());
  }

  /**
   * Ends a copy that others are faster than. The entry becomes a queued claim again, for the job that is sent in place of
   * this one. If somebody else claims the object first, they send a job of their own.
   */
  async #yield(work: Work, taken: Taken): Promise<JobResult> {
    const { job, object, delivery } = work;
    const token = freshToken();
    let isClaimed = true;
    try {
      const { queuedLeaseSeconds, copyingLeaseSeconds } = this.#parts.times;
      await this.#parts.entries.release(object.id, taken.token);
      const leases = { leaseMs: queuedLeaseSeconds * 1000, copyingLeaseMs: copyingLeaseSeconds * 1000 };
      isClaimed = (await this.#parts.entries.claim(object.id, { token, ...leases })).claimed;
    } catch (error) {
      if (!(error instanceof EntryStoreError)) throw error;
      this.#parts.onPartFailed('entries', object.backend.name, error);
    }
    const delaySeconds = this.#delayOf(job);
    if (isClaimed) return this.#sendInPlace(work, 'too_slow', { token, delaySeconds });
    await delivery.acknowledge();
    return { outcome: 'given_back', why: NO_TURN.too_slow.why, delaySeconds: 0 };
  }

  /** If no message can be sent, the delivery itself is given back, which counts as a try. */
  async #sendInPlace(
    queued: Queued,
    reason: NoTurn | 'too_slow',
    { token, delaySeconds }: { readonly token: string; readonly delaySeconds: number },
  ): Promise<JobResult> {
    const { job, object, delivery, deliveries } = queued;
    const { why, isDelayed } = NO_TURN[reason];
    const times = job.givenBack ?? 0;
    const again: Job = {
      ...job,
      token,
      givenBack: Math.min(times + (isDelayed ? 1 : 0), MOST_COUNTED),
      earlierDeliveries: deliveries - 1,
    };
    try {
      await object.backend.queue.enqueue(again, { delaySeconds });
      await delivery.acknowledge();
    } catch (error) {
      this.#parts.onPartFailed('queue', object.backend.name, error);
      return this.giveBack(delivery, why, delaySeconds);
    }
    return { outcome: 'given_back', why, delaySeconds };
  }

  /** How long a failure is remembered that another try would only repeat. */
  #failedSeconds(error: OriginError | StorageError | InternalError): number {
    const { times } = this.#parts;
    if (error instanceof OriginError) return rememberedSeconds(error, times);
    return Math.max(times.errorSeconds.longest, times.expiryMarginSeconds);
  }

  /** Origins close connections that are not read for long. Believed a few times, since the origin may be at fault too. */
  #brokeByPause({ turn, job }: Work, error: { readonly code: string }): boolean {
    const isNew = (job.givenBack ?? 0) < this.#parts.maxReceiveCount;
    return turn.wasPaused && error.code === 'origin_interrupted' && isNew;
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
