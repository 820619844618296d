import { hash } from 'node:crypto';

/** Where purge markers are, one for each purged object: `purged/<sha256 of the URL>`. */
export const MARKER_PREFIX = 'purged/';

/** Name under which a marker's metadata holds the generation; the marker's content is the same nonce. */
export const GENERATION_METADATA = 'generation';

/** Name under which a copy's metadata holds how many bytes the origin sent. */
export const SENT_LENGTH_METADATA = 'upstream-content-length';

/** SHA-256 of the normal form of an origin URL, lower-case hex: how entries, markers and logs name an object. */
export function urlSha256(url: string): string {
  return hash('sha256', url);
}

/** Key of the marker that remembers an object's last purge. */
export function markerKey(sha256: string): string {
  return `${MARKER_PREFIX}${sha256}`;
}

/**
 * How the keys of copies are made. `url`: from the URL itself. `hashed`: from its SHA-256 alone, for stores that refuse
 * keys with empty segments, which every URL has (`https://`).
 */
export type KeyForm = 'url' | 'hashed';

/** Stands for the empty generation in hashed keys, so that no segment of them is empty. */
const NO_GENERATION = '0';

/**
 * Where the copy of `url` in generation `generation` is stored.
 *
 * The empty generation's key is the URL itself, so that buckets filled by earlier deployments are found. Others are
 * `g/<generation>/<url>`. What is too long for the store, or has dot segments (clients rewrite `/../` in addresses,
 * also inside a query), becomes `sha256/<generation>/<hex>`.
 *
 * With `keys` `hashed` every key is `sha256/<generation>/<hex>`, with `0` for the empty generation.
 *
 * Injective: an http(s) URL begins neither with `g/` nor with `sha256/` nor with `purged/`, a generation holds no
 * slash, and the hash of the URL is taken for its identity everywhere.
 */
export function objectKey(
  url: string,
  generation: string,
  maxKeyBytes: number,
  keys: KeyForm = 'url',
): string {
  if (!/^[0-9A-Za-z_-]*$/.test(generation))
    throw new TypeError('a generation is made of letters, digits, - and _');
  if (keys === 'hashed') return hashedKey(url, generation);
  const plain = generation === '' ? url : `g/${generation}/${url}`;
  if (Buffer.byteLength(plain) <= maxKeyBytes && !hasDotSegment(plain)) return plain;
  return `sha256/${generation}/${urlSha256(url)}`;
}

function hashedKey(url: string, generation: string): string {
  if (generation === NO_GENERATION)
    throw new TypeError(`no generation is called ${NO_GENERATION}: that stands for the empty one`);
  return `sha256/${generation === '' ? NO_GENERATION : generation}/${urlSha256(url)}`;
}

/** The SHA-256 of the URL that a key of {@link objectKey} stands for; `null` for other keys (markers, strangers). */
export function urlSha256OfKey(key: string): string | null {
  if (/^https?:\/\//.test(key)) return urlSha256(key);
  const generation = /^g\/[0-9A-Za-z_-]+\/(https?:\/\/.*)$/s.exec(key);
  if (generation?.[1] !== undefined) return urlSha256(generation[1]);
  return /^sha256\/[0-9A-Za-z_-]*\/([0-9a-f]{64})$/.exec(key)?.[1] ?? null;
}

/** WHATWG: `.` and `..` count percent-encoded as well, and end at a slash, backslash, or the end of the text. */
function hasDotSegment(key: string): boolean {
  return /(?:^|[/\\])(?:\.|%2e){1,2}(?:[/\\?#]|$)/i.test(key);
}
