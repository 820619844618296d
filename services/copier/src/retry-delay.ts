/**
 * How long a job that failed waits before its next try, in whole seconds (as queues count them): twice as long for each
 * failure before, up to `longest`, and anywhere in the upper half of that, so that jobs which failed together do not
 * come back together.
 */
export function retryDelaySeconds(
  failures: number,
  limits: { readonly first: number; readonly longest: number },
  random: () => number = Math.random,
): number {
  const full = Math.min(limits.longest, limits.first * 2 ** Math.min(failures, 30));
  return Math.max(1, Math.round(full * (0.5 + random() / 2)));
}
