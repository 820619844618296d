import { settleWithin } from '@cloud-mirror/waiting';
import type { ChangeWaiters } from './change-waiters.ts';
import { revalidateMs } from './cache-manager-options.ts';
import { Claims, type ClaimedMiss, type ClaimsParts, type ReplacedError } from './claims.ts';
import { lookUpGeneration, copyKey, type Copy, type MirroredObject } from '@cloud-mirror/mirrored-objects';
import { EntryStoreError, type Entry, type PresentEntry } from '@cloud-mirror/entry-store';
import { SharedPool } from '@cloud-mirror/fair-shares';
import { TooManyLookUps } from './direct-lookups.ts';
import type { EntryMemory } from './entry-memory.ts';
import { refusalOf, toOrigin } from './fallback.ts';
import type { MarkerLists } from './marker-lists.ts';
import { reportPartFailure } from './internal-error.ts';
import type { MissResult } from './miss.ts';
import type { FallbackReason, RedirectOutcome, RedirectRequest } from './redirect.ts';
import {
  beginProgress,
  holdersOf,
  MIN_LOOK_UP_MS,
  remainingLookUpMs,
  remainingMs,
  type Progress,
} from './request-progress.ts';
import { decideByEntry, decideWithoutEntries, notNow, type Wishes } from './request-decision.ts';
import { Revalidations } from './revalidations.ts';
import { storeFailureOf } from './store-failure.ts';
import { withinRequest } from './within-request.ts';

/** The most reads of one entry without a wait in between. More mean a defect. */
const MAX_READS_IN_A_ROW = 25;

export interface RedirectorParts extends ClaimsParts {
  /** `null` if hits are not remembered and every request reads the entry. */
  readonly memory: EntryMemory | null;
  readonly waiters: ChangeWaiters;
  readonly markers: MarkerLists;
}

/** The outcome of the request, or `read_again` if the entry must be read again. */
type Step = RedirectOutcome | 'read_again';

/** Carries out the rules of a request, in their order, and decides where to redirect it. */
export class Redirector {
  readonly #parts: RedirectorParts;
  readonly #claims: Claims;
  readonly #revalidations: Revalidations;
  /** The requests that wait: `server.maxWaiting`, with a share for each client. */
  readonly #waiting: SharedPool;

  constructor(parts: RedirectorParts) {
    this.#parts = parts;
    this.#claims = new Claims(parts);
    this.#revalidations = new Revalidations({
      intervalMs: revalidateMs(parts.options.times),
      misses: () => this.#claims.running,
    });
    this.#waiting = new SharedPool(parts.options.maxWaiting);
  }

  async redirect(object: MirroredObject, request: RedirectRequest): Promise<RedirectOutcome> {
    const progress = beginProgress(object, request);
    try {
      if (request.revalidate) await this.#beginCheck(progress);
      for (;;) {
        if (this.#parts.ended.aborted) return this.#notNow(progress);
        // Slow parts have used up the time, so the result of another read would come too late.
        if (progress.reads > 0 && remainingLookUpMs(progress) <= 0) return this.#notNow(progress);
        if (++progress.reads > MAX_READS_IN_A_ROW) return this.#toOrigin(progress, 'internal_error');
        const step = await this.#readAndDecide(progress);
        if (step !== 'read_again') return step;
      }
    } finally {
      progress.waiter?.[Symbol.dispose]();
      endCheck(progress);
      progress.place?.[Symbol.dispose]();
    }
  }

  /** Makes the check that the client wants, or waits for the one of another request. */
  async #beginCheck(progress: Progress): Promise<void> {
    const turn = this.#revalidations.begin(progress.object.id);
    if (turn.kind === 'begun') progress.check = turn;
    if (turn.kind === 'running')
      await settleWithin(turn.ended, remainingLookUpMs(progress), undefined, progress.request.signal);
  }

  async #readAndDecide(progress: Progress): Promise<Step> {
    const { entries } = this.#parts.options;
    const epoch = entries.epoch;
    let entry: Entry | null;
    try {
      entry = await withinRequest(progress, this.#entryFor(progress));
    } catch (error) {
      this.#entriesFailed(error);
      return this.#withoutEntries(progress);
    }
    if (entries.epoch !== epoch) return 'read_again';
    if (!this.#parts.markers.trusts(progress.object.id.backend, epoch))
      return this.#readMarkers(progress, epoch);
    const { times } = this.#parts.options;
    const decision = decideByEntry(wishesOf(progress), {
      entry,
      times,
      nowMs: progress.object.backend.store.clock.nowMs(),
    });
    switch (decision.kind) {
      case 'copy':
        return this.#present(progress, decision.entry);
      case 'claim':
        return this.#claim(
          progress,
          decision.overdue === null ? null : { error: decision.overdue, why: 'overdue' },
        );
      case 'wait':
        endCheck(progress);
        return this.#wait(progress);
      case 'check_error':
        return this.#claim(progress, { error: decision.error, why: 'check' });
      case 'answer':
        return decision.outcome;
    }
  }

  /**
   * The first read of a request may return a remembered entry. A revalidation, and a read after a change, must read the entry
   * store. If the caller has found the entry missing, the read is skipped: a claim returns an entry that was made since.
   */
  #entryFor({ object, request, check, reads, waited }: Progress): Promise<Entry | null> {
    const { memory, options } = this.#parts;
    if (memory === null || check !== null) return options.entries.get(object.id);
    if (request.missing === true && reads === 1 && !waited) return Promise.resolve(null);
    const remembered = reads === 1 ? memory.recall(object.id) : null;
    return remembered === null ? memory.read(object.id) : Promise.resolve(remembered);
  }

  /** A new connection to the entry store is not trusted until the purge markers have been read. */
  async #readMarkers(progress: Progress, epoch: number): Promise<Step> {
    const reading = this.#parts.background(this.#parts.markers.refresh(progress.object.id.backend, epoch));
    const limit = remainingLookUpMs(progress);
    const read = await settleWithin(reading, limit, false, progress.request.signal);
    if (read) return 'read_again';
    if (this.#parts.markers.wasStoreMissing(progress.object.id.backend))
      return this.#toOrigin(progress, 'store_missing');
    return this.#withoutEntries(progress);
  }

  async #present(progress: Progress, entry: PresentEntry): Promise<Step> {
    const { object } = progress;
    const { markers } = this.#parts;
    if (!markers.knows(object, entry)) {
      const confirmed = await this.#ask(progress, markers.confirm(object, entry));
      if (confirmed === 'failed') return this.#toOrigin(progress, 'store_unavailable');
      if (!confirmed) return this.#forget(progress, entry.token);
    }
    if (progress.check !== null && (await this.#isCheckDue(progress, entry))) {
      const good = await this.#ask(progress, this.#matchesStore(object, entry));
      if (good === 'failed') return this.#toOrigin(progress, 'store_unavailable');
      if (!good) return this.#forget(progress, entry.token);
    }
    endCheck(progress);
    return this.#toCopy(progress, entry);
  }

  /** Whether no other process has just checked the copy. If the entry store does not say, the copy is checked. */
  async #isCheckDue(progress: Progress, { token }: PresentEntry): Promise<boolean> {
    const { entries, times } = this.#parts.options;
    try {
      const noting = entries.noteCheck(progress.object.id, token, revalidateMs(times));
      return await withinRequest(progress, noting);
    } catch (error) {
      this.#entriesFailed(error);
      return true;
    }
  }

  /** Whether the purge marker and the object in the store match the entry. */
  async #matchesStore(object: MirroredObject, entry: PresentEntry): Promise<boolean> {
    const { markers, options, ended } = this.#parts;
    const [sameGeneration, lookup] = await Promise.all([
      markers.reread(object, entry.generation),
      lookUpGeneration(object, entry.generation, options.times, ended),
    ]);
    return sameGeneration && lookup.copy?.sizeBytes === entry.sizeBytes && lookup.copy.etag === entry.etag;
  }

  /** Drops a wrong entry, unless it has been replaced meanwhile. */
  async #forget(progress: Progress, token: string): Promise<Step> {
    this.#parts.memory?.forget(progress.object.id);
    try {
      await withinRequest(progress, this.#parts.options.entries.drop(progress.object.id, token));
    } catch (error) {
      this.#entriesFailed(error);
    }
    return 'read_again';
  }

  async #claim(progress: Progress, replaced: ReplacedError | null): Promise<Step> {
    const claim = await this.#claims.claim(progress, replaced);
    // From now on the entry is as new as a check could make it.
    endCheck(progress);
    switch (claim.kind) {
      case 'won':
        return this.#awaitMiss(progress, claim);
      case 'taken':
      case 'checked':
        return 'read_again';
      case 'too_many':
        return this.#toOrigin(progress, claim.reason);
      case 'not_due':
        return this.#toOrigin(progress, 'copy_failed', 'error', claim.cause);
      case 'entries_failed':
        this.#entriesFailed(claim.error);
        return this.#withoutEntries(progress);
    }
  }

  /** A request that does not wait still gets a copy that is in the store, but does not wait for the origin's answer. */
  async #awaitMiss(progress: Progress, miss: ClaimedMiss): Promise<Step> {
    const refusal = this.#takePlace(progress);
    const waits = refusal === null;
    const late = 'late' as const;
    const wanted = waits ? miss.result : Promise.race([miss.result, miss.notStored.then(() => late)]);
    const limit = waits ? remainingLookUpMs(progress) : Math.min(MIN_LOOK_UP_MS, remainingLookUpMs(progress));
    const result = await settleWithin(wanted, limit, late, progress.request.signal);
    if (result !== late) return this.#stepAfter(progress, result);
    miss.result.catch((error: unknown) => this.#parts.options.events?.unexpected?.(error));
    return refusal === null || remainingMs(progress) <= 0
      ? this.#notNow(progress)
      : this.#toOrigin(progress, refusal);
  }

  #stepAfter(progress: Progress, result: MissResult): Step | Promise<Step> {
    switch (result.kind) {
      case 'found':
        return this.#toCopy(progress, result.copy);
      case 'queued':
        progress.sentGeneration = result.generation;
        return 'read_again';
      case 'start_over':
        return 'read_again';
      case 'origin_failed': {
        const { code, message: cause, status, host, retryAfterSeconds } = result.error;
        if (code === 'origin_busy') return this.#toOrigin(progress, code);
        return (
          refusalOf(progress.request.url, { code, cause, status, host, retryAfterSeconds }) ??
          this.#toOrigin(progress, 'copy_failed', 'error', cause)
        );
      }
      case 'store_failed':
        return this.#toOrigin(progress, result.reason, 'error');
      case 'over_budget':
        return this.#toOrigin(progress, 'over_budget');
      case 'queue_failed':
        return this.#toOrigin(progress, 'queue_unavailable', 'error');
    }
  }

  /** Waits for a change of the entry, or for the poll interval, but no longer than the client wants to wait. */
  async #wait(progress: Progress): Promise<Step> {
    const { waiters, options, ended } = this.#parts;
    const remaining = remainingMs(progress);
    if (remaining <= 0) return this.#notNow(progress);
    progress.waited = true;
    const listening = progress.waiter;
    if (listening === null) {
      // The waiter is registered before the next read, so that no change between the two is missed.
      const refusal = this.#takePlace(progress);
      return refusal === null ? 'read_again' : this.#toOrigin(progress, refusal);
    }
    const pollMs = options.pollMs ?? 2000;
    const signal = AbortSignal.any([progress.request.signal, ended]);
    await settleWithin(listening.changed, Math.min(remaining, pollMs), undefined, signal);
    progress.waiter = waiters.listen(progress.object.id);
    listening[Symbol.dispose]();
    progress.reads = 0;
    if (progress.request.signal.aborted) return this.#notNow(progress);
    return 'read_again';
  }

  /**
   * Takes a place among the waiting requests, which the request keeps.
   * @returns `null` if it has a place, else why not
   */
  #takePlace(progress: Progress): 'not_waiting' | 'too_many_waiting' | 'client_over_share' | null {
    if (remainingMs(progress) <= 0) return 'not_waiting';
    if (progress.place === null) {
      const { place, refusal } = this.#waiting.take(holdersOf(progress.request));
      if (refusal !== null) return refusal === 'full' ? 'too_many_waiting' : 'client_over_share';
      progress.place = place;
    }
    progress.waiter ??= this.#parts.waiters.listen(progress.object.id);
    return null;
  }

  /** Decides without the entry store: a redirect to the copy if the object store has one, else to the origin. */
  async #withoutEntries(progress: Progress): Promise<RedirectOutcome> {
    const { direct, markers, background, ended, options } = this.#parts;
    const { object, request } = progress;
    if (remainingLookUpMs(progress) <= 0) return this.#toOrigin(progress, 'entries_unavailable');
    const looking = background(direct.lookUp(object, ended, holdersOf(request)));
    const limit = remainingLookUpMs(progress);
    try {
      const lookup = await settleWithin(looking, limit, null, request.signal);
      const decision = decideWithoutEntries(wishesOf(progress), lookup);
      if (decision.kind === 'stored') return await this.#toCopy(progress, decision.copy);
      if (lookup === null) return decision.outcome;
      if (markers.wasStoreMissing(object.id.backend)) {
        const missing = background(markers.isStoreMissing(object.id.backend, options.entries.epoch));
        if (await settleWithin(missing, remainingLookUpMs(progress), true, request.signal))
          return this.#toOrigin(progress, 'store_missing');
      }
      void background(direct.sendJob(object, lookup.generation, request.requestId, ended));
      return decision.outcome;
    } catch (error) {
      if (error instanceof TooManyLookUps) return this.#toOrigin(progress, 'entries_unavailable');
      reportPartFailure(options.events, 'store', object.backend.name, error);
      return this.#toOrigin(progress, storeFailureOf(error));
    }
  }

  async #toCopy(progress: Progress, copy: Copy): Promise<RedirectOutcome> {
    const { object, request, waited } = progress;
    const sentJob = progress.sentGeneration !== null;
    const { store } = object.backend;
    try {
      const location = await store.urlFor(copyKey(object, copy.generation), request.method);
      return {
        kind: 'present',
        location,
        access: store.access,
        // The copy of a job that this request sent may be made before the request begins to wait.
        how: waited || sentJob ? 'stored' : 'hit',
        collapsed: waited && !sentJob,
        sha256: copy.sha256,
      };
    } catch (error) {
      reportPartFailure(this.#parts.options.events, 'store', object.backend.name, error);
      return this.#toOrigin(progress, 'store_unavailable');
    }
  }

  /** The answer when the wait is over or the client does not want to wait. */
  #notNow(progress: Progress): RedirectOutcome {
    return notNow(progress.request);
  }

  #toOrigin(
    progress: Progress,
    reason: FallbackReason,
    state?: 'pending' | 'error',
    message?: string,
  ): RedirectOutcome {
    return toOrigin(progress.request.url, reason, state, message);
  }

  /** Waits for a call to the object store within the time of the request; `failed` if it fails or takes longer. */
  async #ask<T>(progress: Progress, asked: Promise<T>): Promise<T | 'failed'> {
    const limit = remainingLookUpMs(progress);
    try {
      return await settleWithin(
        this.#parts.background(asked),
        limit,
        'failed' as const,
        progress.request.signal,
      );
    } catch (error) {
      reportPartFailure(this.#parts.options.events, 'store', progress.object.id.backend, error);
      return 'failed';
    }
  }

  #entriesFailed(error: unknown): void {
    if (!(error instanceof EntryStoreError)) throw error;
    this.#parts.options.events?.partFailed?.('entries', null, error);
  }
}

function wishesOf(progress: Progress): Wishes {
  const { url, waitMs, respondAsync } = progress.request;
  return {
    url,
    waitMs,
    remainingMs: remainingMs(progress),
    respondAsync,
    revalidate: progress.check !== null,
  };
}

function endCheck(progress: Progress): void {
  progress.check?.end();
  progress.check = null;
}
