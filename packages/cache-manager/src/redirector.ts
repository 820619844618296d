import { settleWithin } from '@cloud-mirror/waiting';
import type { ChangeWaiters } from './change-waiters.ts';
import { Claims, type ClaimedMiss, type ClaimsParts } from './claims.ts';
import { lookUpGeneration, copyKey, type Copy, type MirroredObject } from '@cloud-mirror/mirrored-objects';
import { EntryStoreError, type Entry, type ErrorEntry, type PresentEntry } from '@cloud-mirror/entry-store';
import { TooManyLookUps } from './direct-lookups.ts';
import type { EntryMemory } from './entry-memory.ts';
import { refusalOf, toOrigin } from './fallback.ts';
import type { MarkerLists } from './marker-lists.ts';
import { reportPartFailure } from './internal-error.ts';
import type { MissResult } from './miss.ts';
import type { FallbackReason, RedirectOutcome, RedirectRequest } from './redirect.ts';
import { beginProgress, LOOK_MS, lookMs, remainingMs, type Progress } from './request-progress.ts';
import { decideByEntry, decideWithoutEntries, notNow, type Wishes } from './request-decision.ts';
import { storeFailureOf } from './store-failure.ts';
import { withinRequest } from './within-request.ts';

/** Looks at one entry without any wait between them, before something must be wrong. */
const LOOKS_AT_ONCE = 25;

export interface RedirectorParts extends ClaimsParts {
  /** `null`: entries are read anew for each request. */
  readonly memory: EntryMemory | null;
  readonly waiters: ChangeWaiters;
  readonly markers: MarkerLists;
}

/** An answer, or that the entry is worth another look. */
type Step = RedirectOutcome | 'look_again';

/** Decides where one request goes: the rules of a request, in their order. */
export class Redirector {
  readonly #parts: RedirectorParts;
  readonly #claims: Claims;

  constructor(parts: RedirectorParts) {
    this.#parts = parts;
    this.#claims = new Claims(parts);
  }

  async redirect(object: MirroredObject, request: RedirectRequest): Promise<RedirectOutcome> {
    const progress = beginProgress(object, request);
    try {
      for (;;) {
        if (this.#parts.ended.aborted) return this.#notNow(progress);
        // What is slow has used up the time: another look, whatever it finds, would come too late.
        if (progress.looks > 0 && lookMs(progress) <= 0) return this.#notNow(progress);
        if (++progress.looks > LOOKS_AT_ONCE) return this.#toOrigin(progress, 'internal_error');
        const step = await this.#look(progress);
        if (step !== 'look_again') return step;
      }
    } finally {
      progress.waiter?.[Symbol.dispose]();
    }
  }

  async #look(progress: Progress): Promise<Step> {
    const { entries } = this.#parts.options;
    const epoch = entries.epoch;
    let entry: Entry | null;
    try {
      entry = await withinRequest(progress, this.#entryFor(progress));
    } catch (error) {
      this.#entriesFailed(error);
      return this.#withoutEntries(progress);
    }
    if (entries.epoch !== epoch) return 'look_again';
    if (!this.#parts.markers.trusts(progress.object.id.backend, epoch))
      return this.#readMarkers(progress, epoch);
    const { times } = this.#parts.options;
    const decision = decideByEntry(wishesOf(progress), { entry, times, nowMs: Date.now() });
    switch (decision.kind) {
      case 'copy':
        return this.#present(progress, decision.entry);
      case 'claim':
        return this.#claim(progress, decision.overdue);
      case 'wait':
        return this.#wait(progress);
      case 'forget':
        progress.revalidated = true;
        return this.#forget(progress, decision.token);
      case 'answer':
        return decision.outcome;
    }
  }

  /**
   * A look for a copy may see the entry as it was a moment ago; what is to be checked, or has changed, is read anew. Where
   * there was none the claim decides, and tells of an entry that has been made meanwhile.
   */
  #entryFor({ object, request, looks, waited }: Progress): Promise<Entry | null> {
    const { memory, options } = this.#parts;
    if (memory === null || request.revalidate) return options.entries.get(object.id);
    if (request.missing === true && looks === 1 && !waited) return Promise.resolve(null);
    const remembered = looks === 1 ? memory.recall(object.id) : null;
    return remembered === null ? memory.read(object.id) : Promise.resolve(remembered);
  }

  /** A new connection to the entry store is not trusted before the purge markers were read. */
  async #readMarkers(progress: Progress, epoch: number): Promise<Step> {
    const reading = this.#parts.background(this.#parts.markers.refresh(progress.object.id.backend, epoch));
    const limit = lookMs(progress);
    const read = await settleWithin(reading, limit, false, progress.request.signal);
    if (read) return 'look_again';
    if (this.#parts.markers.wasStoreMissing(progress.object.id.backend))
      return this.#toOrigin(progress, 'store_missing');
    return this.#withoutEntries(progress);
  }

  async #present(progress: Progress, entry: PresentEntry): Promise<Step> {
    const { object, request } = progress;
    const { markers } = this.#parts;
    if (!markers.knows(object, entry.generation)) {
      const confirmed = await this.#ask(progress, markers.confirm(object, entry.generation));
      if (confirmed === 'failed') return this.#toOrigin(progress, 'store_unavailable');
      if (!confirmed) return this.#forget(progress, entry.token);
    }
    if (request.revalidate && !progress.revalidated) {
      progress.revalidated = true;
      const good = await this.#ask(progress, this.#isAsStored(object, entry));
      if (good === 'failed') return this.#toOrigin(progress, 'store_unavailable');
      if (!good) return this.#forget(progress, entry.token);
    }
    return this.#toCopy(progress, entry);
  }

  /** Whether marker and object in the store are what the entry says. */
  async #isAsStored(object: MirroredObject, entry: PresentEntry): Promise<boolean> {
    const { markers, options, ended } = this.#parts;
    const [sameGeneration, lookup] = await Promise.all([
      markers.reread(object, entry.generation),
      lookUpGeneration(object, entry.generation, options.times, ended),
    ]);
    return sameGeneration && lookup.copy?.sizeBytes === entry.sizeBytes && lookup.copy.etag === entry.etag;
  }

  /** Drops an entry that was wrong, unless somebody has replaced it by now. */
  async #forget(progress: Progress, token: string): Promise<Step> {
    this.#parts.memory?.forget(progress.object.id);
    try {
      await withinRequest(progress, this.#parts.options.entries.drop(progress.object.id, token));
    } catch (error) {
      this.#entriesFailed(error);
    }
    return 'look_again';
  }

  async #claim(progress: Progress, overdue: ErrorEntry | null): Promise<Step> {
    const claim = await this.#claims.claim(progress, overdue);
    switch (claim.kind) {
      case 'won':
        return this.#awaitMiss(progress, claim);
      case 'taken':
        return 'look_again';
      case 'too_many':
        return this.#toOrigin(progress, 'too_many_waiting');
      case 'not_due':
        return this.#toOrigin(progress, 'copy_failed', 'error', claim.cause);
      case 'entries_failed':
        this.#entriesFailed(claim.error);
        return this.#withoutEntries(progress);
    }
  }

  /** A request that does not wait still gets a copy that is in the store, but does not wait for the origin's answer. */
  async #awaitMiss(progress: Progress, miss: ClaimedMiss): Promise<Step> {
    const waits = this.#takesPlace(progress);
    const late = 'late' as const;
    const wanted = waits ? miss.result : Promise.race([miss.result, miss.notStored.then(() => late)]);
    const limit = waits ? lookMs(progress) : Math.min(LOOK_MS, lookMs(progress));
    const result = await settleWithin(wanted, limit, late, progress.request.signal);
    if (result !== late) return this.#stepAfter(progress, result);
    miss.result.catch((error: unknown) => this.#parts.options.events?.unexpected?.(error));
    const wantedTo = !waits && remainingMs(progress) > 0;
    return wantedTo ? this.#toOrigin(progress, 'too_many_waiting') : this.#notNow(progress);
  }

  #stepAfter(progress: Progress, result: MissResult): Step | Promise<Step> {
    switch (result.kind) {
      case 'found':
        return this.#toCopy(progress, result.copy);
      case 'queued':
        progress.sentGeneration = result.generation;
        return 'look_again';
      case 'start_over':
        return 'look_again';
      case 'origin_failed': {
        const { code, message: cause, status, host, retryAfterSeconds } = result.error;
        return (
          refusalOf(progress.request.url, { code, cause, status, host, retryAfterSeconds }) ??
          this.#toOrigin(progress, 'copy_failed', 'error', cause)
        );
      }
      case 'store_failed':
        return this.#toOrigin(progress, result.reason, 'error');
      case 'queue_failed':
        return this.#toOrigin(progress, 'queue_unavailable', 'error');
    }
  }

  /** Waits for the entry to change, or for the time of a slow look, as long as the client wants to wait. */
  async #wait(progress: Progress): Promise<Step> {
    const { waiters, options, ended } = this.#parts;
    const remaining = remainingMs(progress);
    if (remaining <= 0) return this.#notNow(progress);
    progress.waited = true;
    const listening = progress.waiter;
    if (listening === null) {
      // Listen first, then look again: no change can fall between the two.
      return this.#takesPlace(progress) ? 'look_again' : this.#toOrigin(progress, 'too_many_waiting');
    }
    const pollMs = options.pollMs ?? 2000;
    const signal = AbortSignal.any([progress.request.signal, ended]);
    await settleWithin(listening.changed, Math.min(remaining, pollMs), undefined, signal);
    progress.waiter = waiters.listen(progress.object.id);
    listening[Symbol.dispose]();
    progress.looks = 0;
    if (progress.request.signal.aborted) return this.#notNow(progress);
    return 'look_again';
  }

  /** Whether the request waits: it wants to, and has a place among those that may, which it keeps to its end. */
  #takesPlace(progress: Progress): boolean {
    const { waiters, options } = this.#parts;
    if (remainingMs(progress) <= 0) return false;
    if (progress.waiter === null && waiters.count >= options.maxWaiting) return false;
    progress.waiter ??= waiters.listen(progress.object.id);
    return true;
  }

  /** Without the entry store: what the object store has, else the origin. */
  async #withoutEntries(progress: Progress): Promise<RedirectOutcome> {
    const { direct, markers, background, ended, options } = this.#parts;
    const { object, request } = progress;
    if (lookMs(progress) <= 0) return this.#toOrigin(progress, 'entries_unavailable');
    const looking = background(direct.lookUp(object, ended));
    const limit = lookMs(progress);
    try {
      const lookup = await settleWithin(looking, limit, null, request.signal);
      const decision = decideWithoutEntries(wishesOf(progress), lookup);
      if (decision.kind === 'stored') return await this.#toCopy(progress, decision.copy);
      if (lookup === null) return decision.outcome;
      if (markers.wasStoreMissing(object.id.backend)) {
        const missing = background(markers.isStoreMissing(object.id.backend, options.entries.epoch));
        if (await settleWithin(missing, lookMs(progress), true, request.signal))
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
        // A copy may be there before the first look that would have waited for it.
        how: waited || sentJob ? 'stored' : 'hit',
        collapsed: waited && !sentJob,
        sha256: copy.sha256,
      };
    } catch (error) {
      reportPartFailure(this.#parts.options.events, 'store', object.backend.name, error);
      return this.#toOrigin(progress, 'store_unavailable');
    }
  }

  /** The wait is over, or there was none. */
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

  /** Asks the object store within the request's time. */
  async #ask<T>(progress: Progress, asked: Promise<T>): Promise<T | 'failed'> {
    const limit = lookMs(progress);
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
  const { url, waitMs, respondAsync, revalidate } = progress.request;
  return {
    url,
    waitMs,
    remainingMs: remainingMs(progress),
    respondAsync,
    revalidate: revalidate && !progress.revalidated,
  };
}
