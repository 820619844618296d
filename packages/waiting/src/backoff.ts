/** Delays in one unit of the caller's choice: milliseconds or seconds. */
export interface BackoffLimits {
  /** The whole delay after the first failure. */
  readonly first: number;
  readonly longest: number;
}

/**
 * Exponential back-off with jitter: the delay doubles with each failure in a row, up to `longest`, and {@link jittered}
 * shortens it at random. Which errors are worth another try is for the caller to know.
 *
 * @param failures number of failures before the one that has just happened: 0 at first
 * @returns the delay, in the unit of `limits`
 */
export function backoff(
  failures: number,
  { first, longest }: BackoffLimits,
  random: () => number = Math.random,
): number {
  return jittered(Math.min(longest, first * 2 ** Math.min(failures, MOST_DOUBLINGS)), random);
}

/** More than any limit needs; beyond it a product could become infinite. */
const MOST_DOUBLINGS = 30;

/** Between half of `delay` and the whole of it, so that clients that failed together do not come back together. */
export function jittered(delay: number, random: () => number = Math.random): number {
  return delay * (0.5 + random() / 2);
}
