import type { ResponseHeaders } from './response-headers.ts';

/** Apart by this much, Last-Modified and Date are not confused by two clocks (RFC 9110, 8.8.2.2). */
const CLOCK_DOUBT_MS = 60_000;

/**
 * What If-Range may carry for this response: a strong entity tag, or a Last-Modified that is strong by RFC 9110,
 * 8.8.2.2 where there is no entity tag at all (13.1.5). `null`: nothing proves that two answers are the same bytes.
 */
export function strongValidator(headers: ResponseHeaders): string | null {
  const etag = headers.first('etag');
  if (etag !== null) return /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag) ? etag : null;
  const lastModified = headers.first('last-modified');
  const date = headers.first('date');
  if (lastModified === null || date === null) return null;
  return Date.parse(date) - Date.parse(lastModified) >= CLOCK_DOUBT_MS ? lastModified : null;
}
