import type { CallOptions } from './stored-object.ts';

/** Facet of a store: the bucket or folder itself. */
export interface StorePlace {
  /**
   * Creates the bucket or folder if it is missing, and updates its lifecycle rules. Idempotent.
   * @returns one line for the operator about each change; empty if nothing changed
   */
  prepare(rules: PrepareOptions): Promise<readonly string[]>;

  /** Resolves if the store answers and the bucket or folder exists. For readiness; makes one small call. */
  check(options?: CallOptions): Promise<void>;
}

export interface PrepareOptions extends CallOptions {
  /** Objects whose keys have this prefix outlive the others: they are kept for `lifespanDays` + 30 days. */
  readonly longLivedPrefix: string;
  /**
   * Objects whose keys have one of these prefixes are kept for `lifespanDays`. Prefixes are needed because lifecycle
   * rules have no exceptions: a rule for the whole bucket would also remove the long-lived objects. Unfinished uploads of
   * any key are aborted after a day.
   */
  readonly objectPrefixes: readonly string[];
}
