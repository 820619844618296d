import type { ObjectHeaders } from './stored-object.ts';

/**
 * Origins choose these values and stores read them as instructions in requests: a store that is sent
 * `Content-Encoding: aws-chunked` decodes the payload. So a value is stored only where its shape is known to be harmless.
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
 * Types of a request's body rather than of a file. Servers that read the parameters of such a body (Go's `ParseForm`
 * does so for PUT) leave an empty object.
 */
const REQUEST_TYPES = new Set(['application/x-www-form-urlencoded', 'multipart/form-data']);
/** OpenStack Swift takes the listed size of an object from `swift_bytes`. */
const STORE_PARAMETER = /^[ \t]*;[ \t]*swift_/i;

/** Type and parameters up to the first that is malformed (RFC 9110, section 8.3.1); `undefined` without a type. */
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

/** Names of transfer codings, and `identity`, say nothing of the bytes; `aws-chunked` is how S3 names one of its own. */
const TRANSPORT = new Set(['aws-chunked', 'chunked', 'identity', 'trailers']);

/** Content codings without those of transport (RFC 9110, section 8.4); as received where none is left out and it is plain ASCII. */
function storableEncoding(received: string | undefined): string | undefined {
  const members = (received ?? '').split(',').map((member) => member.trim());
  const codings = members
    .map((member) => member.replace(/[ \t]*;.*$/s, ''))
    .filter((member) => TOKEN.test(member) && !TRANSPORT.has(member.toLowerCase()) && !isStores(member));
  if (codings.length === 0) return undefined;
  const same =
    codings.length === members.length &&
    codings.every((coding, index) => coding === members[index]) &&
    // Tabs and other white space around a member cannot be signed.
    /^[\x20-\x7e]*$/.test(received ?? '');
  return within(same ? received : codings.join(', '), LONGEST);
}

/** Codings that stores may yet invent for uploads. */
function isStores(coding: string): boolean {
  return /^(?:aws|x-amz|x-goog)-/i.test(coding);
}

/** Without control characters. Adapters see to what their store cannot hold of the rest. */
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

/** IMF-fixdate (RFC 9110, section 5.6.7) alone. */
function storableDate(received: string | undefined): string | undefined {
  const date = new Date(IMF_FIXDATE.test(received ?? '') ? (received ?? '') : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : received;
}

function within(value: string | undefined, most: number): string | undefined {
  return value !== undefined && value.length <= most ? value : undefined;
}
