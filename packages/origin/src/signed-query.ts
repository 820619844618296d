import { kindOfName } from './credential-names.ts';
import { isDatedMac, isTokenValue, looksLikeTime, looksRandom } from './credential-values.ts';
import { decodedOnce, parametersOf, type QueryParameter } from './query-parameters.ts';

/** Rounds of percent-decoding to assume in a chain of servers, after the first. */
const MORE_DECODINGS = 2;
const LONGEST_SHOWN_NAME = 64;

/**
 * Whether the query makes the URL a bearer credential: what of it carries a signature or token, described for the client
 * without any value; `null` if nothing does.
 *
 * A list of names would have holes, so parameters are judged by shape: by the last word of the name, by a value that is a
 * JSON Web Token or a token that its issuer marks, and by a random value beside an expiry (as in nginx's
 * `?md5=…&expires=…`). Names and values are also read with their nested percent-encodings removed, and URLs inside of
 * values count: a proxy would send those on. Takes time in proportion to the query's length.
 */
export function signatureInQuery(url: URL): string | null {
  let query = url.search.slice(1);
  for (let round = 0; query !== ''; round += 1) {
    const found = signatureIn(parametersOf(query));
    if (found !== null) return found;
    // The second round also splits a URL inside of a value at its own `?`.
    const decoded = decodedOnce(query).replace(/[?#]/g, '&');
    if (decoded === query || round === MORE_DECODINGS) return null;
    query = decoded;
  }
  return null;
}

function signatureIn(parameters: readonly QueryParameter[]): string | null {
  const judged = parameters.map(({ name, value }) => {
    // Servers differ in what they do with white space and control characters in names.
    const plain = name.replace(/[\x00-\x20\x7f]/g, '');
    return { name: plain, value: value.trim(), kind: kindOfName(plain) };
  });
  const expires = judged.some(({ name, value, kind }) => kind === 'expiry' && isExpiry(name, value));
  for (const { name, value, kind } of judged) {
    // Before the name is shown: a parameter without `=` is all name.
    if (isTokenValue(name)) return 'a token';
    if (kind === 'credential') return shown(name);
    if (isTokenValue(value)) return `the token in ${shown(name)}`;
    if (kind === 'other' && isDatedMac(value)) return shown(name);
    const isRandom = (kind === 'suspect' || (expires && kind === 'other')) && looksRandom(value);
    if (isRandom) return kind === 'suspect' ? shown(name) : `${shown(name)} beside an expiry`;
    if (expires && value === '' && looksRandom(name)) return 'a signature beside an expiry';
  }
  return null;
}

/** Long names such as `expires` and `X-Example-Expires` may hold a duration; `e=1` means something else. */
function isExpiry(name: string, value: string): boolean {
  return looksLikeTime(value) || (name.length > 3 && /^\d+$/.test(value));
}

/** Names are the client's text, so that long or unusual ones are not repeated. */
function shown(name: string): string {
  return name.length <= LONGEST_SHOWN_NAME && /^[\w.[\]-]+$/.test(name)
    ? name.toLowerCase()
    : 'a parameter with an unusual name';
}
