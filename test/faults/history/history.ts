/** A time span in milliseconds since the run began; `end` is Infinity if it never ended. */
export interface Span {
  readonly begin: number;
  readonly end: number;
}

/** A version of an object at the origin, and its time span. */
export interface Version extends Span {
  readonly object: string;
  readonly version: number;
}

/** The target of a redirect, and what was found there. */
export type Outcome =
  | { readonly kind: 'copy'; readonly location: string; readonly found: Found }
  | { readonly kind: 'origin'; readonly detail: string }
  | { readonly kind: 'accepted' }
  /** An answer that is not a redirect. */
  | { readonly kind: 'unexpected'; readonly what: string }
  /** No answer at all: the connection broke or was refused. */
  | { readonly kind: 'no_answer'; readonly what: string };

export type Found =
  | { readonly kind: 'whole'; readonly object: string; readonly version: number }
  | { readonly kind: 'missing'; readonly status: number }
  | { readonly kind: 'wrong'; readonly what: string };

export interface ClientRequest extends Span {
  readonly frontend: string;
  readonly region: string;
  readonly object: string;
  readonly waitMs: number;
  readonly outcome: Outcome;
  /** When the target of the redirect was read to its end. */
  readonly fetchedAt: number;
  /** How late the test process itself was meanwhile, in milliseconds. This time is not the mirror's. */
  readonly lagMs: number;
}

export interface Purge extends Span {
  readonly frontend: string;
  /** `all` for every region. */
  readonly region: string;
  readonly object: string;
  /** Answered 204, or 200 with every region purged. */
  readonly done: boolean;
}

export type FaultTarget = 'front end' | 'copier' | 'redis' | 'queue' | 'store' | 'origin';

export interface FaultSpan extends Span {
  readonly target: FaultTarget;
  /** Which instance, if there are several. */
  readonly of: string;
  readonly what: string;
}

/** The state of the servers after all faults have ended. */
export interface Aftermath {
  /** End of the last fault. */
  readonly quietAt: number;
  /** When each object was first served from each region after that; `null`: never. */
  readonly served: readonly {
    readonly object: string;
    readonly region: string;
    readonly at: number | null;
  }[];
  readonly openUploads: readonly { readonly key: string; readonly begunAt: number }[];
  /** Pending entries with their remaining time in Redis; -1: no expiry. */
  readonly pending: readonly { readonly key: string; readonly leftMs: number }[];
  /** Longest lease of a pending entry, in milliseconds. */
  readonly longestLeaseMs: number;
  /** Number of stored copies, without markers. */
  readonly copiesMade: number;
  readonly jobsSent: number;
  /** Concurrent copies of one worker. */
  readonly concurrency: number;
  /** Keys that a copier deleted. */
  readonly deletedByCopiers: readonly string[];
}

/** Everything that happened in one run. */
export interface History {
  readonly versions: readonly Version[];
  readonly requests: readonly ClientRequest[];
  readonly purges: readonly Purge[];
  readonly faults: readonly FaultSpan[];
  readonly aftermath: Aftermath;
}
