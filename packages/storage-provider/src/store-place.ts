import type { CallOptions } from './stored-object.ts';

/** Facet of a store: the bucket or folder itself. */
export interface StorePlace {
  /**
   * Makes the place where copies live, with its lifecycle rules, where it is missing. Safe to call again.
   * @returns one line for each thing made or changed, for the operator to read; empty where all was in place
   */
  prepare(rules: PrepareOptions): Promise<readonly string[]>;

  /** Resolves when the store answers and the place for copies exists. For readiness; costs one small call. */
  check(options?: CallOptions): Promise<void>;
}

export interface PrepareOptions extends CallOptions {
  /** Objects whose keys begin so outlive the others: they are kept `lifespanDays` + 30 days. */
  readonly longLivedPrefix: string;
  /**
   * Objects whose keys begin with one of these are kept `lifespanDays`. They are named because lifecycle rules of
   * stores know no exception: a rule for everything would take the long-lived ones as well. Unfinished uploads of any
   * key are ended after a day.
   */
  readonly objectPrefixes: readonly string[];
}
