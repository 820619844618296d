import type { Origin, OriginError, SourcePolicy } from '@cloud-mirror/origin';
import type { Backends, CopyLifeOptions } from '@cloud-mirror/mirrored-objects';
import type { CopyBudgets, ExceededBudget } from '@cloud-mirror/copy-budgets';
import type { EntryStore } from '@cloud-mirror/entry-store';

/** The times from `entries` of the configuration that decisions need. */
export interface EntryTimes extends CopyLifeOptions {
  /** How long a job may wait in the queue before a new claim may send another. */
  readonly queuedLeaseSeconds: number;
  /** Lease of a copy in progress. */
  readonly copyingLeaseSeconds: number;
  /** Back-off before the next try. */
  readonly errorSeconds: { readonly first: number; readonly longest: number };
  /** How long an origin's refusal is remembered. */
  readonly originAnswerSeconds: number;
  /** The least time between two checks of one object for clients that send `no-cache`. Default 1. */
  readonly revalidateSeconds?: number | undefined;
}

const DEFAULT_REVALIDATE_SECONDS = 1;

/** {@link EntryTimes.revalidateSeconds} in milliseconds. */
export function revalidateMs({ revalidateSeconds }: Pick<EntryTimes, 'revalidateSeconds'>): number {
  return (revalidateSeconds ?? DEFAULT_REVALIDATE_SECONDS) * 1000;
}

/** Callbacks for logs and metrics. They are called synchronously and must not throw. */
export interface CacheManagerEvents {
  /** A part failed. Requests continue without it. */
  readonly partFailed?: (part: 'entries' | 'store' | 'queue', backend: string | null, error: unknown) => void;
  /** A job was sent. */
  readonly jobEnqueued?: (backend: string) => void;
  /** A copy was not asked for, because it would exceed a budget. */
  readonly overBudget?: (exceeded: ExceededBudget) => void;
  /** A copy without an entry was found in the store, and its entry was written. */
  readonly backfilled?: (backend: string) => void;
  /** The origin could not be reached, or its answer could not be read. `error` has the full chain of causes. */
  readonly originUnreachable?: (url: string, error: OriginError) => void;
  /** Background work failed with an error that no rule handles. */
  readonly unexpected?: (error: unknown) => void;
}

/** The default of `server.maxWaitSeconds`, in milliseconds. */
export const DEFAULT_MAX_WAIT_MS = 12_000;

export interface CacheManagerOptions {
  readonly backends: Backends;
  readonly entries: EntryStore;
  readonly origin: Pick<Origin, 'inspect'>;
  readonly policy: SourcePolicy;
  /** `null` or absent if copies have no budgets. */
  readonly budgets?: CopyBudgets | null | undefined;
  readonly times: EntryTimes;
  /** The most requests that may wait at once: `server.maxWaiting`. */
  readonly maxWaiting: number;
  /**
   * The longest wait of a request, in milliseconds: `server.maxWaitSeconds`. The status of an object predicts the answer to
   * a request that waits this long. Default {@link DEFAULT_MAX_WAIT_MS}.
   */
  readonly maxWaitMs?: number | undefined;
  /**
   * The most misses that may be resolved at once. Beyond it a request for an absent entry is redirected to the origin,
   * and nothing is started for it. Default `maxWaiting`, but at least 1,000.
   */
  readonly missesAtOnce?: number | undefined;
  /**
   * Whether to answer remembered hits; see {@link EntryMemory}. All front ends of a mirror must have the same value, because
   * a purge waits until no front end that remembers hits can still have the entry. Default false.
   */
  readonly remembersHits?: boolean | undefined;
  /** The most bytes of all remembered hits; see {@link EntryMemory}. */
  readonly rememberedBytes?: number | undefined;
  readonly events?: CacheManagerEvents | undefined;
  /** How often a waiting request reads the entry again without a change message, in milliseconds. Default 2,000. */
  readonly pollMs?: number | undefined;
  /** Interval between readings of the marker lists, in milliseconds. Default 60,000. */
  readonly markerListMs?: number | undefined;
}
