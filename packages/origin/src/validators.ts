import type { ResponseHeaders } from './response-headers.ts';

/** A validator for If-Range: the header field that it comes from, and its exact value. */
export interface StrongValidator {
  readonly field: 'etag' | 'last-modified';
  readonly value: string;
}

/** If Date is this much later than Last-Modified, clock skew does not matter (RFC 9110, 8.8.2.2). */
const CLOCK_SKEW_MS = 60_000;

/** RFC 9110, 8.8.3. An empty tag is legal, but servers that send it use it for every version. */
const STRONG_ENTITY_TAG = /^"[\x21\x23-\x7e\x80-\xff]+"$/;

/**
 * Returns the strong validator of a response (RFC 9110, 13.1.5): a strong entity tag or, if there is no entity tag, a
 * Last-Modified that is strong by 8.8.2.2. `null` if there is none, or if the field has several values.
 */
export function strongValidator(headers: ResponseHeaders): StrongValidator | null {
  if (headers.first('etag') !== null) {
    const etag = headers.single('etag');
    return etag !== null && STRONG_ENTITY_TAG.test(etag) ? { field: 'etag', value: etag } : null;
  }
  const lastModified = headers.single('last-modified');
  const date = headers.single('date');
  if (lastModified === null || date === null) return null;
  return Date.parse(date) - Date.parse(lastModified) >= CLOCK_SKEW_MS
    ? { field: 'last-modified', value: lastModified }
    : null;
}

/**
 * Whether a 206 carries `validator`, compared octet by octet (strong comparison, RFC 9110, 8.8.3.2). If the validator
 * is a Last-Modified, an entity tag in the 206 is a contradiction: the first answer had none.
 */
export function hasSameValidator(headers: ResponseHeaders, validator: StrongValidator): boolean {
  if (headers.single(validator.field) !== validator.value) return false;
  return validator.field === 'etag' || headers.first('etag') === null;
}
