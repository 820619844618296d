import type { Entry } from '@cloud-mirror/entry-store';

/** The result of a purge in one back end. */
export interface PurgeResult {
  readonly backend: string;
  readonly purged: boolean;
  /** The public cause if `purged` is false, else `null`. */
  readonly error: string | null;
  /**
   * `false` if there was neither a copy nor an entry: the URL was never mirrored here, or is no longer. Absent if there was
   * one or that is unknown. Such a purge is effective too: no client is redirected to a copy that was in flight.
   */
  readonly found?: false;
}

/** The full state of one object in one back end, for operators. */
export interface StatusReport {
  readonly service: string;
  readonly region: string;
  readonly url: string;
  readonly sha256: string;
  /** `null` if there is no entry, or if the entry store does not answer. */
  readonly entry: Entry | null;
  /** Age of the entry and remaining time of its lease or life, by this process's clock; `null` without an entry. */
  readonly ageSeconds: number | null;
  readonly leaseSeconds: number | null;
  readonly generation: string | null;
  readonly key: string | null;
  readonly object: {
    readonly sizeBytes: number;
    readonly storedAt: string;
    readonly expiresAt: string | null;
    readonly etag: string | null;
    readonly sha256: string | null;
  } | null;
  /** Where a redirect would lead now, and why. The location has no signature. */
  readonly redirect: {
    readonly to: 'copy' | 'origin' | 'wait' | 'origin_status' | 'refused';
    readonly location: string | null;
    readonly why: string;
  };
  /** Parts that failed, each with the cause. */
  readonly unavailable: readonly { readonly part: 'entries' | 'store'; readonly cause: string }[];
}

/**
 * A purge of a URL that no rule of the configuration allows and of which no back end has anything: no copy, no entry, no
 * marker of an earlier purge. There is nothing to purge and nothing that could come later, so no marker is written.
 */
export class NotMirroredError extends Error {
  override readonly name = 'NotMirroredError';
  readonly code = 'not_mirrored';

  constructor() {
    super('no rule of sources.allow allows this URL, and nothing of it is stored');
  }
}
