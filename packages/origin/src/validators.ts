import type { ResponseHeaders } from './response-headers.ts';

/** What If-Range may carry: the field that it comes from, and its exact value. */
export interface StrongValidator {
  readonly field: 'etag' | 'last-modified';
  readonly value: string;
}

/** With Date this much after Last-Modified, two clocks that differ do not matter (RFC 9110, 8.8.2.2). */
const CLOCK_DOUBT_MS = 60_000;

/** RFC 9110, 8.8.3. An empty tag is legal, but servers that send one send it for every version. */
const STRONG_ENTITY_TAG = /^"[\x21\x23-\x7e\x80-\xff]+"$/;

/**
 * The strong validator of a response (RFC 9110, 13.1.5): a strong entity tag, or a Last-Modified that is strong by
 * 8.8.2.2 where there is no entity tag at all. `null` where the response has none, or has a field with several values.
 */
export function strongValidator(headers: ResponseHeaders): StrongValidator | null {
  if (headers.first('etag') !== null) {
    const etag = headers.single('etag');
    return etag !== null && STRONG_ENTITY_TAG.test(etag) ? { field: 'etag', value: etag } : null;
  }
  const lastModified = headers.single('last-modified');
  const date = headers.single('date');
  if (lastModified === null || date === null) return null;
  return Date.parse(date) - Date.parse(lastModified) >= CLOCK_DOUBT_MS
    ? { field: 'last-modified', value: lastModified }
    : null;
}

/**
 * Whether a 206 carries `validator`, compared octet by octet (the strong comparison of RFC 9110, 8.8.3.2). An entity tag
 * in an answer to a Last-Modified is a contradiction: the object had none.
 */
export function hasSameValidator(headers: ResponseHeaders, validator: StrongValidator): boolean {
  if (headers.single(validator.field) !== validator.value) return false;
  return validator.field === 'etag' || headers.first('etag') === null;
}
