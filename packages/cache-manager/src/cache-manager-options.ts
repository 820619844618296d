import type { Origin, OriginError, SourcePolicy } from '@cloud-mirror/origin';
import type { Backends, CopyLifeOptions } from '@cloud-mirror/mirrored-objects';
import type { EntryStore } from '@cloud-mirror/entry-store';

/** The `entries` part of the configuration that decisions need. */
export interface EntryTimes extends CopyLifeOptions {
  /** How long a job may wait before another is sent. */
  readonly queuedLeaseSeconds: number;
  /** Lease of a copy under way. */
  readonly copyingLeaseSeconds: number;
  /** Back-off before another try. */
  readonly errorSeconds: { readonly first: number; readonly longest: number };
  /** How long an origin's refusal is remembered. */
  readonly originAnswerSeconds: number;
}

/** What happens inside, for logs and metrics. Each is called synchronously and must not throw. */
export interface CacheManagerEvents {
  /** A part did not answer; requests go on without it. */
  readonly partFailed?: (part: 'entries' | 'store' | 'queue', backend: string | null, error: unknown) => void;
  /** A job was sent. */
  readonly jobEnqueued?: (backend: string) => void;
  /** A copy was found in the store although no entry knew of it. */
  readonly backfilled?: (backend: string) => void;
  /** The origin could not be reached, or its answer could not be read. `error` has the whole chain of causes. */
  readonly originUnreachable?: (url: string, error: OriginError) => void;
  /** Work that nobody waits for failed in a way that no rule foresees. */
  readonly unexpected?: (error: unknown) => void;
}

/** As `server.maxWaitSeconds` has it by default. */
export const DEFAULT_MAX_WAIT_MS = 12_000;

export interface CacheManagerOptions {
  readonly backends: Backends;
  readonly entries: EntryStore;
  readonly origin: Pick<Origin, 'inspect'>;
  readonly policy: SourcePolicy;
  readonly times: EntryTimes;
  /** Requests that may wait at once; `server.maxWaiting`. */
  readonly maxWaiting: number;
  /**
   * The longest wait of a request, in milliseconds: `server.maxWaitSeconds`. The status of an object foresees a request that
   * waits so long. {@link DEFAULT_MAX_WAIT_MS} unless given.
   */
  readonly maxWaitMs?: number | undefined;
  /**
   * Objects that may be asked for at their stores and origins at once; beyond it requests for unknown objects go to the
   * origin, and nothing is begun for them. As many as may wait unless given, but at least 1,000.
   */
  readonly missesAtOnce?: number | undefined;
  /**
   * Answer hits from memory for a moment: see {@link EntryMemory}. All front ends of an installation do, or none, for a
   * purge waits as long as the longest memory. Not unless given.
   */
  readonly remembersHits?: boolean | undefined;
  readonly events?: CacheManagerEvents | undefined;
  /** Between two looks of a waiting request when no change was told, in milliseconds. 2,000 unless given. */
  readonly pollMs?: number | undefined;
  /** Between two readings of the marker lists, in milliseconds. 60,000 unless given. */
  readonly markerListMs?: number | undefined;
}
