/** The clock of a store. The lives of its objects count by it, because machines' clocks may be wrong. */
export interface StoreClock {
  /** The store's time, in milliseconds since 1970. Before the store's first answer: this machine's. */
  nowMs(): number;
  /**
   * How far this machine's clock is ahead of the store's, in milliseconds; negative if it is behind. 0 if they agree to
   * the second, and before the store's first answer.
   */
  readonly aheadMs: number;
}

/** For a store on this machine. */
export const LOCAL_CLOCK: StoreClock = { nowMs: () => Date.now(), aheadMs: 0 };

/** From this skew on, operators are told, in milliseconds. */
export const REPORTED_SKEW_MS = 60_000;

/** @returns what to tell operators; `null` if the clocks differ by less than {@link REPORTED_SKEW_MS} */
export function describeSkew({ aheadMs }: Pick<StoreClock, 'aheadMs'>): string | null {
  if (Math.abs(aheadMs) < REPORTED_SKEW_MS) return null;
  const side = aheadMs > 0 ? 'ahead of' : 'behind';
  return `this machine's clock is ${Math.round(Math.abs(aheadMs) / 1000)} s ${side} the store's: synchronise it (NTP)`;
}
