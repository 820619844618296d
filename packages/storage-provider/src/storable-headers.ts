import type { ObjectHeaders } from './stored-object.ts';

/**
 * Removes header values that a store could misread. Origins choose these values, and a store may take them for
 * instructions: `Content-Encoding: aws-chunked` makes it decode the payload. So only values of a known harmless form are
 * stored.
 */
export function storableHeaders(received: ObjectHeaders): ObjectHeaders {
  return {
    contentType: storableType(received.contentType) ?? 'application/octet-stream',
    contentEncoding: storableEncoding(received.contentEncoding),
    contentDisposition: storableDisposition(received.contentDisposition),
    contentLanguage: storableLanguage(received.contentLanguage),
    cacheControl: storableCacheControl(received.cacheControl),
    expires: storableDate(received.expires),
  };
}

const LONGEST = 255;
const LONGEST_DISPOSITION = 2_000;
const IMF_FIXDATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const ESSENCE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+/;
const PARAMETER =
  /[ \t]*;[ \t]*(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+=(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"))?/y;

/**
 * Types of form data. A server that parses the body of a request as a form (Go's `ParseForm` does so for PUT) consumes
 * it, and stores an empty object.
 */
const REQUEST_TYPES = new Set(['application/x-www-form-urlencoded', 'multipart/form-data']);
/** OpenStack Swift reports the value of the parameter `swift_bytes` as the size of an object in listings. */
const STORE_PARAMETER = /^[ \t]*;[ \t]*swift_/i;

/** The media type with its parameters before the first malformed one (RFC 9110, section 8.3.1). */
function storableType(received: string): string | undefined {
  const essence = ESSENCE.exec(received)?.[0];
  if (essence === undefined || REQUEST_TYPES.has(essence.toLowerCase())) return undefined;
  let type = essence;
  PARAMETER.lastIndex = essence.length;
  for (let match = PARAMETER.exec(received); match !== null; match = PARAMETER.exec(received)) {
    const [parameter] = match;
    if (!STORE_PARAMETER.test(parameter)) type += parameter;
  }
  return type.length <= LONGEST ? type.trimEnd() : within(essence, LONGEST);
}

/** Transfer codings (`aws-chunked` is one of S3's own) and `identity`. They do not describe the stored bytes. */
const TRANSPORT = new Set(['aws-chunked', 'chunked', 'identity', 'trailers']);

/**
 * The content codings without transfer codings (RFC 9110, section 8.4). The value stays as received if it is plain ASCII
 * and no member is removed.
 */
function storableEncoding(received: string | undefined): string | undefined {
  const members = (received ?? '').split(',').map((member) => member.trim());
  const codings = members
    .map((member) => member.replace(/[ \t]*;.*$/s, ''))
    .filter((member) => TOKEN.test(member) && !TRANSPORT.has(member.toLowerCase()) && !isStores(member));
  if (codings.length === 0) return undefined;
  const same =
    codings.length === members.length &&
    codings.every((coding, index) => coding === members[index]) &&
    // A value with tabs or other white space than spaces cannot be signed.
    /^[\x20-\x7e]*$/.test(received ?? '');
  return within(same ? received : codings.join(', '), LONGEST);
}

/** Whether the prefix belongs to a store vendor, which may use such a coding for uploads. */
function isStores(coding: string): boolean {
  return /^(?:aws|x-amz|x-goog)-/i.test(coding);
}

/** Replaces control characters by spaces. Adapters encode other characters that their store does not accept. */
function storableDisposition(received: string | undefined): string | undefined {
  const text = received?.replace(/[\x00-\x1f\x7f]/g, ' ');
  return text === '' ? undefined : within(text, LONGEST_DISPOSITION);
}

/** Language tags (RFC 5646), separated by commas. */
function storableLanguage(received: string | undefined): string | undefined {
  return /^[A-Za-z0-9*-]+(?:[ \t]*,[ \t]*[A-Za-z0-9*-]+)*$/.test(received ?? '')
    ? within(received, LONGEST)
    : undefined;
}

/** Directives of RFC 9111, section 5.2. */
function storableCacheControl(received: string | undefined): string | undefined {
  return /^[\t\x20-\x7e]*[!-~][\t\x20-\x7e]*$/.test(received ?? '') ? within(received, LONGEST) : undefined;
}

/** Only the format IMF-fixdate (RFC 9110, section 5.6.7). */
function storableDate(received: string | undefined): string | undefined {
  const date = new Date(IMF_FIXDATE.test(received ?? '') ? (received ?? '') : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : received;
}

function within(value: string | undefined, most: number): string | undefined {
  return value !== undefined && value.length <= most ? value : undefined;
}
