import { pause } from '@cloud-mirror/waiting';
import {
  backendName,
  entryLifeMs,
  freshToken,
  lookUpGeneration,
  mirroredObject,
  readMarker,
  parseJob,
  type Backends,
  type Copy,
  type MirroredObject,
} from '@cloud-mirror/mirrored-objects';
import { EntryStoreError, type EntryStore, type TakeResult } from '@cloud-mirror/entry-store';
import type { Delivery } from '@cloud-mirror/job-queue';
import {
  normalizeOriginUrl,
  OriginUrlError,
  type GuessedDigestError,
  type Origin,
} from '@cloud-mirror/origin';
import { StorageError } from '@cloud-mirror/storage-provider';
import { commitCopy, type Commit } from './commit-copy.ts';
import { copyObject } from './copy-object.ts';
import type { CopySlots } from './copy-slots.ts';
import { slotHost, type NoTurn } from './copy-turn.ts';
import { JobEnding, type JobEndingParts, type Queued, type Taken, type Work } from './job-ending.ts';
import type { CopyEnd, JobResult } from './job-result.ts';
import { firstLeaseMs, LeaseKeeper } from './lease-keeper.ts';

export interface CopyJobParts extends JobEndingParts {
  readonly backends: Backends;
  readonly entries: EntryStore;
  readonly slots: Pick<CopySlots, 'turn'>;
  readonly origin: Pick<Origin, 'open' | 'inspect'>;
  /** Why the body of a message is no signed job; null if it is one. Without it, jobs need no signature. */
  readonly signatureFault?: ((body: string) => string | null) | undefined;
  /** Called when a guessed digest turns out not to be a digest; see {@link GuessedDigestError}. */
  readonly onGuessRefuted?: ((guess: GuessedDigestError) => void) | undefined;
}

/** A message that no front end of ours sent. */
export class JobRefusedError extends Error {
  override readonly name = 'JobRefusedError';
  readonly code = 'job_refused';

  constructor(fault: string) {
    super(`not a job of this mirror: ${fault}; front ends need the same queue.signingKey as copiers`);
  }
}

/** Delay of a job that only another version of this program may understand. */
const UNKNOWN_DELAY_SECONDS = 30;

/**
 * A worker waits for another's lease that ends within this time, in milliseconds. The lease and the visibility of a
 * dead worker end at nearly the same time, and giving back would use up one of the few deliveries of the job.
 */
const WAITED_LEASE_MS = 2_000;
/** Pauses before retries of a commit that the entry store did not answer, in milliseconds. */
const COMMIT_RETRY_PAUSES_MS = [1_000, 2_000, 4_000];

/** The steps of a job, in order. Settles the delivery in every case. */
export class CopyJob {
  readonly #parts: CopyJobParts;
  readonly #ending: JobEnding;

  constructor(parts: CopyJobParts) {
    this.#parts = parts;
    this.#ending = new JobEnding(parts);
  }

  /**
   * Waits for a slot and runs one delivery to its end. `stop` aborts it at the end of the grace time. Asks for the slot
   * before it returns a promise.
   * @throws only if the delivery could not be settled; the queue then delivers it again
   */
  async run(delivery: Delivery, stop: AbortSignal): Promise<JobResult> {
    // First of all: nothing in the message counts before its signature is known to be good.
    const fault = this.#parts.signatureFault?.(delivery.body) ?? null;
    if (fault !== null) {
      const error = new JobRefusedError(fault);
      await delivery.deadLetter(`${error.code}: ${error.message}`);
      return { outcome: 'refused', error };
    }
    const parsed = parseJob(delivery.body);
    if (!parsed.ok && parsed.fault === 'malformed') {
      const error = new Error(`not a job: ${parsed.detail}`);
      await delivery.deadLetter(error.message);
      return { outcome: 'dead_letter', error };
    }
    if (!parsed.ok)
      return this.#ending.giveBack(
        delivery,
        `a job of another version: ${parsed.detail}`,
        UNKNOWN_DELAY_SECONDS,
      );
    const { job } = parsed;
    if (!isNormalForm(job.url)) {
      const error = new Error('not a job: its URL is not in normal form');
      await delivery.deadLetter(error.message);
      return { outcome: 'dead_letter', error };
    }
    const backend = this.#parts.backends.get(backendName(job.service, job.region));
    if (backend === undefined) {
      return this.#ending.giveBack(
        delivery,
        `this copier has no back end ${job.service}/${job.region}`,
        UNKNOWN_DELAY_SECONDS,
      );
    }
    await using keeper = new LeaseKeeper({
      entries: this.#parts.entries,
      delivery,
      leaseMs: this.#leaseMs,
      onFailure: (part, error) => this.#parts.onPartFailed(part, backend.name, error),
    });
    // Awaited, because the keeper is disposed of at the end of this block.
    return await this.#awaitTurn(
      {
        job,
        object: mirroredObject(backend, job.url),
        delivery,
        deliveries: delivery.receiveCount + (job.earlierDeliveries ?? 0),
        keeper,
      },
      stop,
    );
  }

  /** Step 0: get a slot. The keeper keeps the delivery meanwhile; the entry stays its claim's. */
  async #awaitTurn(queued: Queued, stop: AbortSignal): Promise<JobResult> {
    const { job, object, delivery, keeper } = queued;
    const request = { backend: object.backend.name, host: slotHost(job), returns: job.givenBack ?? 0 };
    const waiting = AbortSignal.any([keeper.signal, stop]);
    const asked = await this.#parts.slots.turn(request, waiting).catch((): NoTurn => 'stopping');
    if (typeof asked === 'string') {
      await keeper.stop();
      if (!keeper.signal.aborted) return this.#ending.sendBack(queued, asked);
      const reason: unknown = keeper.signal.reason;
      return this.#ending.giveBack(delivery, reason instanceof Error ? reason.message : asked, 0);
    }
    using turn = asked;
    const result = await this.#take({ ...queued, turn, signal: AbortSignal.any([waiting, turn.signal]) });
    if (result.outcome !== 'given_back') this.#ending.ranToEnd(job);
    return result;
  }

  /** Step 1: take the entry under a fresh token. */
  async #take(work: Work): Promise<JobResult> {
    const { object, delivery, deliveries, keeper } = work;
    const token = freshToken();
    let result: TakeResult;
    try {
      result = await this.#takeEntry(work, token);
    } catch (error) {
      if (!(error instanceof EntryStoreError)) throw error;
      this.#parts.onPartFailed('entries', object.backend.name, error);
      return this.#copy(work, { token, held: false, ownClaim: false, failures: deliveries - 1 });
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
    if (deliveries >= this.#parts.maxReceiveCount) {
      await delivery.acknowledge();
      return { outcome: 'left_to_another' };
    }
    const seconds = Math.max(1, Math.ceil(result.leaseRemainingMs / 1000));
    return this.#ending.giveBack(delivery, 'another worker is copying the object', seconds);
  }

  async #takeEntry({ job, object, signal }: Work, token: string): Promise<TakeResult> {
    const take = { token, jobToken: job.token, leaseMs: firstLeaseMs(this.#leaseMs) };
    const result = await this.#parts.entries.take(object.id, take);
    const waitMs = Math.min(WAITED_LEASE_MS, this.#leaseMs / 2);
    if (result.taken || result.entry.state === 'present' || result.leaseRemainingMs > waitMs) return result;
    await pause(result.leaseRemainingMs + 1, signal);
    return signal.aborted ? result : this.#parts.entries.take(object.id, take);
  }

  /** Steps 2 to 7: determine the generation, copy, commit, acknowledge. */
  async #copy(work: Work, taken: Taken): Promise<JobResult> {
    let made: { readonly commit: Commit; readonly result: CopyEnd };
    try {
      made = await this.#makeCopy(work, taken);
    } catch (error) {
      return this.#ending.fail(work, taken, error);
    }
    await work.keeper.stop();
    // Acknowledgements are batched, so the slot is free for another copy before this one is acknowledged.
    work.turn[Symbol.dispose]();
    return this.#ending.done(work, made.result, made.commit !== 'unrecorded');
  }

  async #makeCopy(work: Work, taken: Taken): Promise<{ commit: Commit; result: CopyEnd }> {
    const { job, object, deliveries, keeper, signal, turn } = work;
    let generation = job.generation;
    let replaces = job.replaces ?? null;
    const isFirstDelivery = deliveries === 1 && job.givenBack === undefined;
    if (!taken.ownClaim || !isFirstDelivery) {
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
    const { onGuessRefuted } = this.#parts;
    const task = {
      object,
      generation,
      token,
      replaces,
      originBytes,
      signal,
      turn,
      onProgress,
      onGuessRefuted,
    };
    const { copy, copied } = await copyObject(task, this.#parts.origin, this.#parts.times);
    this.#assertUsable(object, copy);
    const commit = await this.#commit(work, taken, copy);
    if (!copied) return { commit, result: { outcome: 'already_there' } };
    return { commit, result: { outcome: 'copied', copy, present: commit === 'present' } };
  }

  /**
   * A copy that has no life left would be absent for the next request, which would have it made again.
   * @throws StorageError `store_expires`
   */
  #assertUsable({ backend }: MirroredObject, copy: Copy): void {
    if (entryLifeMs(copy, this.#parts.times, backend.store.clock.nowMs()) > 0) return;
    const { expiryMarginSeconds } = this.#parts.times;
    throw new StorageError(
      'store_expires',
      `the store removes a new copy within ${expiryMarginSeconds} s (entries.expiryMarginSeconds): check the lifecycle rules of ${backend.name}`,
    );
  }

  /** While this worker holds the entry, nobody else can take it, so a short outage of the entry store is waited out. */
  async #commit({ object, signal }: Work, taken: Taken, copy: Copy): Promise<Commit> {
    let commit = await commitCopy(this.#parts, object, taken.token, copy);
    for (const delayMs of taken.held ? COMMIT_RETRY_PAUSES_MS : []) {
      if (commit !== 'unrecorded' || signal.aborted) break;
      await pause(delayMs, signal);
      commit = await commitCopy(this.#parts, object, taken.token, copy);
    }
    // Without a take, the commit may be refused by the claim that sent this job, which nobody else will end.
    return commit === 'refused' && !taken.held ? 'unrecorded' : commit;
  }

  get #leaseMs(): number {
    return this.#parts.times.copyingLeaseSeconds * 1000;
  }
}

/**
 * The URL of a job identifies its object. If the URL parser changed the text, one object would be fetched and stored as
 * another.
 */
function isNormalForm(url: string): boolean {
  try {
    return normalizeOriginUrl(url).href === url;
  } catch (error) {
    if (error instanceof OriginUrlError) return false;
    throw error;
  }
}
