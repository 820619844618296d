/** A span of time in milliseconds since the run began; `end` is Infinity where it never ended. */
export interface Span {
  readonly begin: number;
  readonly end: number;
}

/** What the origin had for an object, and from when until when. */
export interface Version extends Span {
  readonly object: string;
  readonly version: number;
}

/** Where a request was led to, and what was there. */
export type Outcome =
  | { readonly kind: 'copy'; readonly location: string; readonly found: Found }
  | { readonly kind: 'origin'; readonly detail: string }
  | { readonly kind: 'accepted' }
  /** An answer that no rule allows here: a status of its own. */
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
  /** When what lies at the location was read to its end. */
  readonly fetchedAt: number;
  /** How late this process itself was meanwhile, in milliseconds: time that nobody else took. */
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
  /** Which one, where there are several. */
  readonly of: string;
  readonly what: string;
}

/** What the servers had to tell when all was quiet again. */
export interface Aftermath {
  /** When the last fault had ended. */
  readonly quietAt: number;
  /** For each object and region: when it was first served from its region after that; `null`: never. */
  readonly served: readonly {
    readonly object: string;
    readonly region: string;
    readonly at: number | null;
  }[];
  readonly openUploads: readonly { readonly key: string; readonly begunAt: number }[];
  /** Entries that say pending, with the time they have left in Redis; -1: for ever. */
  readonly pending: readonly { readonly key: string; readonly leftMs: number }[];
  /** Longest lease of a pending entry, in milliseconds. */
  readonly longestLeaseMs: number;
  /** Copies stored, markers not counted. */
  readonly copiesMade: number;
  readonly jobsSent: number;
  /** Copies that one worker makes at once. */
  readonly concurrency: number;
  /** Keys that a copier deleted. */
  readonly deletedByCopiers: readonly string[];
}

/** All that happened in one run. */
export interface History {
  readonly versions: readonly Version[];
  readonly requests: readonly ClientRequest[];
  readonly purges: readonly Purge[];
  readonly faults: readonly FaultSpan[];
  readonly aftermath: Aftermath;
}
