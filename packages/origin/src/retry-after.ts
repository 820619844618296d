import { parseHttpDate } from './http-date.ts';
import type { ResponseHeaders } from './response-headers.ts';

/** Longer waits count as this one, in seconds. */
export const LONGEST_RETRY_AFTER_SECONDS = 3600;

/**
 * Retry-After (RFC 9110, 10.2.3): seconds, or a date. A date is held against the answer's own Date where there is one, so
 * that a clock of the origin that is wrong does no harm. Of several values the longest counts.
 *
 * @returns whole seconds, at most {@link LONGEST_RETRY_AFTER_SECONDS}; 0 for a date that has passed; `null` where the
 *   header is absent or malformed (negative, a fraction, text)
 */
export function parseRetryAfter(headers: ResponseHeaders, nowMs: number = Date.now()): number | null {
  const sentAtMs = parseHttpDate(headers.first('date') ?? '', nowMs) ?? nowMs;
  const waits = headers.all('retry-after').flatMap((value) => secondsOf(value.trim(), sentAtMs, nowMs) ?? []);
  return waits.length === 0 ? null : Math.min(LONGEST_RETRY_AFTER_SECONDS, Math.max(...waits));
}

function secondsOf(value: string, sentAtMs: number, nowMs: number): number | null {
  if (/^\d+$/.test(value)) return Number(value);
  const atMs = parseHttpDate(value, nowMs);
  return atMs === null ? null : Math.max(0, Math.ceil((atMs - sentAtMs) / 1000));
}
