import { EntryStoreError, type ErrorEntry } from '@cloud-mirror/entry-store';
import { SharedPool } from '@cloud-mirror/fair-shares';
import { freshToken } from '@cloud-mirror/mirrored-objects';
import { limitedHost } from '@cloud-mirror/origin';
import { revalidateMs, type CacheManagerOptions } from './cache-manager-options.ts';
import type { DirectLookUps } from './direct-lookups.ts';
import { claimLeaseMs, type Miss, type MissResult } from './miss.ts';
import { holdersOf, type Progress } from './request-progress.ts';
import { releaseUnanswered } from './unanswered-claim.ts';
import { withinRequest } from './within-request.ts';

const LEAST_MISSES_AT_ONCE = 1000;

export interface ClaimsParts {
  readonly options: CacheManagerOptions;
  readonly miss: Miss;
  readonly direct: DirectLookUps;
  /** Aborted when the process ends. */
  readonly ended: AbortSignal;
  /** Keeps work alive that outlives the request which began it. */
  readonly background: <T>(work: Promise<T>) => Promise<T>;
}

/** The miss of a won claim. Its work continues after the request that began it has been answered. */
export interface ClaimedMiss {
  readonly kind: 'won';
  /** The result of the miss. */
  readonly result: Promise<MissResult>;
  /** Resolves as soon as the store has answered that there is no copy, before the origin has answered. */
  readonly notStored: Promise<void>;
}

/** A failure that a claim replaces. */
export interface ReplacedError {
  readonly error: ErrorEntry;
  /** `overdue`: its next try never came. `check`: the client wants to know whether it still holds. */
  readonly why: 'overdue' | 'check';
}

export type ClaimOutcome =
  | ClaimedMiss
  /** This process already resolves as many misses as it may: in total, for this client, or for this origin. */
  | { readonly kind: 'too_many'; readonly reason: 'too_many_waiting' | 'client_over_share' | 'origin_busy' }
  /** Another process has the claim, or the entry has changed: the request must read it again. */
  | { readonly kind: 'taken' }
  /** The entry store's clock decides, and by that clock the failure is not overdue yet. */
  | { readonly kind: 'not_due'; readonly cause: string }
  /** The failure was checked a moment ago by another process. */
  | { readonly kind: 'checked' }
  | { readonly kind: 'entries_failed'; readonly error: EntryStoreError };

/** Claims entries for requests, and resolves the miss of each claim that is won: single flight for each object. */
export class Claims {
  readonly #parts: ClaimsParts;
  /**
   * Misses being resolved. They outlive requests that do not wait, so the limit of waiting requests does not bound them.
   * Clients and origin hosts have shares, so that neither a client nor an origin that hangs stops every new object.
   */
  readonly #misses: SharedPool;

  constructor(parts: ClaimsParts) {
    this.#parts = parts;
    const { missesAtOnce, maxWaiting } = parts.options;
    this.#misses = new SharedPool(missesAtOnce ?? Math.max(maxWaiting, LEAST_MISSES_AT_ONCE));
  }

  /** Number of misses that are being resolved. */
  get running(): number {
    return this.#misses.taken;
  }

  /**
   * Claims the entry of the request's object and, if the claim is won, begins to resolve the miss.
   * @param replaced the failure that the entry has, if any: its next try never came, or the client wants it checked
   */
  async claim(progress: Progress, replaced: ReplacedError | null): Promise<ClaimOutcome> {
    const taken = this.#takePlace(progress);
    if (taken.place === null) return { kind: 'too_many', reason: taken.reason };
    let keepsPlace = false;
    try {
      const outcome = await this.#claimInPlace(progress, replaced, taken.place);
      keepsPlace = outcome.kind === 'won';
      return outcome;
    } finally {
      if (!keepsPlace) taken.place[Symbol.dispose]();
    }
  }

  #takePlace({ request }: Progress) {
    const clients = holdersOf(request);
    const refusal = this.#misses.refusalOf(clients);
    if (refusal !== null) {
      const reason = refusal === 'full' ? 'too_many_waiting' : 'client_over_share';
      return { place: null, reason } as const;
    }
    const { place } = this.#misses.take(clients, [`origin ${limitedHost(request.url)}`]);
    return place === null ? ({ place, reason: 'origin_busy' } as const) : { place };
  }

  async #claimInPlace(
    progress: Progress,
    replaced: ReplacedError | null,
    place: Disposable,
  ): Promise<ClaimOutcome> {
    const { options, background, ended } = this.#parts;
    const { entries, times } = options;
    const token = freshToken();
    const { epoch } = entries;
    try {
      const claiming = entries.claim(progress.object.id, {
        token,
        leaseMs: claimLeaseMs(times),
        copyingLeaseMs: times.copyingLeaseSeconds * 1000,
        ...(replaced?.why === 'check' && {
          check: { token: replaced.error.token, intervalMs: revalidateMs(times) },
        }),
      });
      const result = await withinRequest(progress, claiming);
      if (!result.claimed) {
        if (replaced === null || result.entry.token !== replaced.error.token) return { kind: 'taken' };
        return replaced.why === 'check'
          ? { kind: 'checked' }
          : { kind: 'not_due', cause: replaced.error.cause };
      }
    } catch (error) {
      if (!(error instanceof EntryStoreError)) throw error;
      // The claim may have been made although its answer was lost. No job would be sent for it.
      void background(releaseUnanswered(entries, progress.object, token, ended));
      return { kind: 'entries_failed', error };
    }
    // After a failure there is no job any more, so the request must send another.
    const sentGeneration = replaced === null ? progress.sentGeneration : null;
    return this.#resolveMiss(progress, { token, epoch, sentGeneration }, place);
  }

  #resolveMiss(
    { object, request }: Progress,
    won: { readonly token: string; readonly epoch: number; readonly sentGeneration: string | null },
    place: Disposable,
  ): ClaimedMiss {
    const { miss, direct, background, ended } = this.#parts;
    const claim = { ...won, requestId: request.requestId, client: request.client };
    const notStored = Promise.withResolvers<void>();
    const resolving = miss.resolve(object, claim, ended, () => notStored.resolve());
    const result = background(
      resolving
        .then((resolved) => {
          if (resolved.kind === 'queued') direct.noteJob(object);
          return resolved;
        })
        .finally(() => place[Symbol.dispose]()),
    );
    void background(miss.keepQueued(object, claim, resolving, ended));
    return { kind: 'won', result, notStored: notStored.promise };
  }
}
