import type { EntryTimes } from './cache-manager-options.ts';

/** The longest time for which the mirror honours an origin's Retry-After, in seconds. */
export const LONGEST_HEEDED_SECONDS = 300;

/** How long a lasting answer is remembered, in seconds: one that the same request would get tomorrow too. */
const LASTING_SECONDS = 300;

/**
 * Answers that depend on how the origin serves the object and not on its state now. Clients are redirected to the origin,
 * so remembering such an answer for long costs them nothing. Forgetting it early would send one job after another for an
 * object that is never copied.
 */
const LASTING: ReadonlySet<string> = new Set([
  'not_copyable',
  'not_shareable',
  'cookie_required',
  'too_large',
]);

interface OriginFailure {
  readonly code: string;
  readonly retryAfterSeconds?: number | null;
}

/** The origin's Retry-After in seconds, as far as the mirror honours it; 0 if it sent none. */
export function heededSeconds({ retryAfterSeconds }: Pick<OriginFailure, 'retryAfterSeconds'>): number {
  return Math.min(LONGEST_HEEDED_SECONDS, retryAfterSeconds ?? 0);
}

/** How long an origin's failure is remembered, in seconds. Until then clients are answered without a request to the origin. */
export function rememberedSeconds(
  error: OriginFailure,
  { originAnswerSeconds }: Pick<EntryTimes, 'originAnswerSeconds'>,
): number {
  const heeded = heededSeconds(error);
  if (heeded > 0) return heeded;
  return LASTING.has(error.code) ? Math.max(LASTING_SECONDS, originAnswerSeconds) : originAnswerSeconds;
}
