import type { SourceOptions } from './origin.ts';
import type { ResponseHeaders } from './response-headers.ts';

/**
 * Request headers that do not select another representation here. Copies are made with `Accept-Encoding: identity`, and
 * Content-Encoding records the encoding of a copy. The others belong to CORS: `Origin` affects only the answer's
 * Access-Control headers, and the two preflight headers occur with OPTIONS only. S3 lists all three in its Vary.
 */
const HARMLESS_VARY: ReadonlySet<string> = new Set([
  'accept-encoding',
  'origin',
  'access-control-request-headers',
  'access-control-request-method',
]);

const NOT_FOR_SHARED_CACHES: ReadonlySet<string> = new Set(['private', 'no-store']);

/**
 * Why an answer must not be shared between clients (RFC 9111, sections 4.1, 5.2.2.5 and 5.2.2.7). A cookie is meant for
 * one client, so `ignoreCacheControl` covers Set-Cookie too.
 *
 * @returns the reason, without free-form text from the origin; `null` if the answer may be shared
 */
export function whyNotShareable(
  headers: ResponseHeaders,
  options: Pick<SourceOptions, 'ignoreVary' | 'ignoreCacheControl'>,
): string | null {
  if (!options.ignoreVary) {
    const name = members(headers, 'vary').find((member) => !HARMLESS_VARY.has(member));
    if (name !== undefined) return `its answer depends on the request (Vary: ${printable(name)})`;
  }
  if (options.ignoreCacheControl) return null;
  const directive = directives(headers).find((one) => NOT_FOR_SHARED_CACHES.has(one));
  if (directive !== undefined) return `its answer is not for shared caches (Cache-Control: ${directive})`;
  return headers.all('set-cookie').length > 0 ? 'its answer sets a cookie' : null;
}

function members(headers: ResponseHeaders, name: string): string[] {
  const values = headers.all(name).flatMap((line) => line.split(','));
  return values.map((value) => value.trim().toLowerCase()).filter((value) => value !== '');
}

/** The names of the Cache-Control directives, in lower case. */
function directives(headers: ResponseHeaders): string[] {
  return headers
    .all('cache-control')
    .flatMap(splitOutsideQuotes)
    .map((directive) => (directive.split('=', 1)[0] ?? '').trim().toLowerCase());
}

/**
 * Splits at commas outside of quoted strings, and at semicolons, which some servers send instead. An unclosed quote
 * does not count as a quote, because a directive that must be obeyed may follow it.
 */
function splitOutsideQuotes(text: string): string[] {
  const parts: string[] = [];
  let quoted = false;
  let begin = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (quoted && character === '\\') at += 1;
    else if (character === '"') quoted = !quoted;
    else if (!quoted && (character === ',' || character === ';')) {
      parts.push(text.slice(begin, at));
      begin = at + 1;
    }
  }
  return quoted ? text.split(/[,;]/) : [...parts, text.slice(begin)];
}

/** Quotes a name to clients and logs only if it is a valid field name. */
function printable(name: string): string {
  return /^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(name) ? name : 'an invalid name';
}
