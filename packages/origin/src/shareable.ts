import type { SourceOptions } from './origin.ts';
import type { ResponseHeaders } from './response-headers.ts';

/**
 * Request headers that do not choose another representation here. Copies are made with `Accept-Encoding: identity`,
 * and a copy has the encoding that its Content-Encoding says. The others are CORS: `Origin` changes nothing but the
 * answer's Access-Control headers, and the two for preflights come with OPTIONS only. S3 names all three.
 */
const HARMLESS_VARY: ReadonlySet<string> = new Set([
  'accept-encoding',
  'origin',
  'access-control-request-headers',
  'access-control-request-method',
]);

const NOT_FOR_SHARED_CACHES: ReadonlySet<string> = new Set(['private', 'no-store']);

/**
 * Whether every client may be given the answer that one of them got (RFC 9111, sections 4.1, 5.2.2.5 and 5.2.2.7).
 * A cookie is made for the client that it is sent to, so it counts with Cache-Control.
 *
 * @returns why not, without values that the origin chose freely; `null` where the answer may be shared
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

/** Names of Cache-Control's directives, in lower case. */
function directives(headers: ResponseHeaders): string[] {
  return headers
    .all('cache-control')
    .flatMap(splitOutsideQuotes)
    .map((directive) => (directive.split('=', 1)[0] ?? '').trim().toLowerCase());
}

/**
 * Splits at commas, and at the semicolons that some servers write for commas, but not inside of a quoted argument.
 * A quote that is never closed quotes nothing: what follows it may be a directive that has to be heeded.
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

/** Only names that can be field names are repeated to clients and logs. */
function printable(name: string): string {
  return /^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(name) ? name : 'a name that is none';
}
