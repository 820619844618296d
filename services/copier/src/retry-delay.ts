import { backoff } from '@cloud-mirror/waiting';

/**
 * Exponential back-off with jitter, in whole seconds (the unit of queues): doubles with each earlier failure up to
 * `longest`, and is then chosen at random from the upper half, so that jobs that failed together are not retried
 * together.
 */
export function retryDelaySeconds(
  failures: number,
  limits: { readonly first: number; readonly longest: number },
  random: () => number = Math.random,
): number {
  return Math.max(1, Math.round(backoff(failures, limits, random)));
}
