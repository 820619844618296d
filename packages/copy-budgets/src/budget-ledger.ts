/** Limits on new copies; `null` is no limit. */
export interface BudgetLimits {
  /** Copies that may be begun within a minute. */
  readonly copiesPerMinute: number | null;
  /** Bytes of the copies begun within 24 hours. */
  readonly bytesPerDay: number | null;
  /** Bytes of all copies in the store at one time. */
  readonly bytesStored: number | null;
}

export type BudgetName = keyof BudgetLimits;

/** What a budget is for: a rule of `sources.allow`, a service or a region. */
export interface BudgetScope {
  /** Identifies the scope in the ledger, for every process of the mirror. */
  readonly key: string;
  /** The path of the scope in the configuration, for logs and metrics: `services.s3`. */
  readonly path: string;
  readonly limits: BudgetLimits;
  /** How long the store keeps an object, in days; `null` if it keeps objects until they are removed. */
  readonly lifespanDays: number | null;
}

/** The budget that a copy would exceed. */
export interface Excess {
  /** Index of its scope. */
  readonly scope: number;
  readonly budget: BudgetName;
  /** Whether nothing is left, so that a copy of one byte would exceed it too. */
  readonly spent: boolean;
}

/** A change of what was reserved. Each may be negative. */
export interface LedgerChange {
  /** Added to the bytes of the last day. */
  readonly dayBytes: number;
  /** Added to the bytes stored. */
  readonly storedBytes: number;
  /** When the bytes were stored, in milliseconds since 1970; `null` for now. */
  readonly storedAt: number | null;
}

/**
 * Counts copies against budgets. It may lose its counts at any time: budgets bound what strangers can spend, they are no
 * accounting.
 *
 * Contract for every adapter:
 * - Each call is one atomic step for all scopes.
 * - Windows slide: the count of a window is that of its current part, plus the part of the one before that is still within
 *   60 seconds or 24 hours, as if that had been evenly spread.
 * - Stored bytes count until the end of the day, in UTC, on which the store removes the object at the latest.
 */
export interface BudgetLedger extends AsyncDisposable {
  /** Reserves one copy of `bytes` in every scope, or in none and returns the first budget that it would exceed. */
  reserve(scopes: readonly BudgetScope[], bytes: number): Promise<Excess | null>;
  /** Corrects reservations. No count falls below zero. */
  adjust(scopes: readonly BudgetScope[], change: LedgerChange): Promise<void>;
}
