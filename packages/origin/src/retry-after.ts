import { parseHttpDate } from './http-date.ts';
import type { ResponseHeaders } from './response-headers.ts';

/** Longer pauses are shortened to this, in seconds. */
export const LONGEST_RETRY_AFTER_SECONDS = 3600;

/**
 * Reads Retry-After (RFC 9110, 10.2.3), in seconds or as a date. A date is compared with the answer's own Date, if any,
 * so that clock skew does no harm. Of several values the longest counts.
 *
 * @returns whole seconds, at most {@link LONGEST_RETRY_AFTER_SECONDS}; 0 for a date in the past; `null` if the header
 *   is absent or malformed (negative, a fraction, text)
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
