import type { Entry } from '@cloud-mirror/entry-store';

/** Result of a purge in one back end. */
export interface PurgeResult {
  readonly backend: string;
  readonly purged: boolean;
  /** The rough cause, where `purged` is false. */
  readonly error: string | null;
  /**
   * `false`: there was neither a copy nor an entry, so the URL was not mirrored here, or is no longer. Left out where there was one, or
   * where that is not known. A purge of nothing holds as well: a copy in flight is not redirected to.
   */
  readonly found?: false;
}

/** All that is known of one object in one back end, for operators. */
export interface StatusReport {
  readonly service: string;
  readonly region: string;
  readonly url: string;
  readonly sha256: string;
  /** `null`: nothing is known. */
  readonly entry: Entry | null;
  /** How old the entry is and what is left of its lease or life, by this process's clock; `null` without an entry. */
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
  /** Where a redirect would go now, and why. No signature. */
  readonly redirect: {
    readonly to: 'copy' | 'origin' | 'wait' | 'origin_status' | 'refused';
    readonly location: string | null;
    readonly why: string;
  };
  /** Parts that could not be asked, each with the cause. */
  readonly unavailable: readonly { readonly part: 'entries' | 'store'; readonly cause: string }[];
}
