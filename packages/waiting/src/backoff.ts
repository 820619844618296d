/** Delays in one unit of the caller's choice: milliseconds or seconds. */
export interface BackoffLimits {
  /** The delay after the first failure, before jitter. */
  readonly first: number;
  readonly longest: number;
}

/**
 * Exponential back-off with jitter. The delay doubles with each consecutive failure, up to `longest`, and
 * {@link jittered} shortens it at random. The caller decides which errors to retry.
 *
 * @param failures number of failures before the latest one: 0 after the first failure
 * @returns the delay, in the unit of `limits`
 */
export function backoff(
  failures: number,
  { first, longest }: BackoffLimits,
  random: () => number = Math.random,
): number {
  return jittered(Math.min(longest, first * 2 ** Math.min(failures, MOST_DOUBLINGS)), random);
}

/** More doublings than any limit needs. Without this bound, the product could overflow to Infinity. */
const MOST_DOUBLINGS = 30;

/** Equal jitter: a random delay from half of `delay` to all of it, so that clients do not retry in lockstep. */
export function jittered(delay: number, random: () => number = Math.random): number {
  return delay * (0.5 + random() / 2);
}
