import type { EntryTimes } from './cache-manager-options.ts';

/** Longest time for which an origin's Retry-After keeps the mirror from asking it for the object again, in seconds. */
export const LONGEST_HEEDED_SECONDS = 300;

/** How long an answer is remembered that the same request would get again tomorrow, in seconds. */
const LASTING_SECONDS = 300;

/**
 * Answers that are about how an origin serves the object, not about its state now. Clients are sent to the origin, so a
 * long memory costs them nothing, and a short one would send a job again and again for an object that is never copied.
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

/** For how many seconds the origin asked to be left alone, as far as the mirror goes by it; 0 where it did not ask. */
export function heededSeconds({ retryAfterSeconds }: Pick<OriginFailure, 'retryAfterSeconds'>): number {
  return Math.min(LONGEST_HEEDED_SECONDS, retryAfterSeconds ?? 0);
}

/** How long an origin's failure is remembered, in seconds, so that clients are answered without asking the origin again. */
export function rememberedSeconds(
  error: OriginFailure,
  { originAnswerSeconds }: Pick<EntryTimes, 'originAnswerSeconds'>,
): number {
  const heeded = heededSeconds(error);
  if (heeded > 0) return heeded;
  return LASTING.has(error.code) ? Math.max(LASTING_SECONDS, originAnswerSeconds) : originAnswerSeconds;
}
