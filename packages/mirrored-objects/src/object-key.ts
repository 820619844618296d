import { hash } from 'node:crypto';
import type { KeyLayout } from '@cloud-mirror/storage-provider';

/** The prefix of purge markers' keys. Each purged object has one marker, `purged/<sha256 of the URL>`. */
export const MARKER_PREFIX = 'purged/';

/** The prefixes of copies' keys, for lifecycle rules: URLs, later generations, hashed keys. See {@link objectKey}. */
export const COPY_PREFIXES: readonly string[] = ['http', 'g/', 'sha256/'];

/** The layout of the keys that this file makes, for stores and for their checks. */
export const KEY_LAYOUT: KeyLayout = {
  copyPrefixes: ['http://', 'https://', 'g/', 'sha256/'],
  trialPrefix: 'g/trial-',
  hashedPrefix: 'sha256/0/',
};

/** The metadata field of a marker that holds the generation. The marker's body is the same nonce. */
export const GENERATION_METADATA = 'generation';

/** The metadata field of a copy that holds the number of bytes that the origin sent. */
export const SENT_LENGTH_METADATA = 'upstream-content-length';

/** SHA-256 of the normal form of an origin URL, in lower-case hex. Entries, markers and logs identify an object by it. */
export function urlSha256(url: string): string {
  return hash('sha256', url);
}

/** The key of the marker that records an object's last purge. */
export function markerKey(sha256: string): string {
  return `${MARKER_PREFIX}${sha256}`;
}

/**
 * The form of the copies' keys. `url`: the key contains the URL. `hashed`: it contains only the URL's SHA-256. Hashed
 * keys are for stores that refuse empty key segments, since every URL has one (`https://`).
 */
export type KeyForm = 'url' | 'hashed';

/** Represents the empty generation in hashed keys, so that they have no empty segment. */
const NO_GENERATION = '0';

/**
 * The key of the copy of `url` in `generation`.
 *
 * For the empty generation the key is the URL itself, so that copies of earlier deployments are found. For any other it
 * is `g/<generation>/<url>`. A key that is too long for the store, or that has dot segments, is replaced by
 * `sha256/<generation>/<hex>`: clients rewrite `/../` in an address, even in the key's query.
 *
 * If `keys` is `hashed`, every key is `sha256/<generation>/<hex>`, with `0` for the empty generation.
 *
 * The mapping is injective: an http(s) URL begins with none of `g/`, `sha256/` and `purged/`, a generation contains no
 * slash, and the SHA-256 of a URL counts as its identity everywhere.
 *
 * @throws TypeError if the generation has other characters than letters, digits, `-` and `_`, or is `0` in a hashed key
 */
export function objectKey(
  url: string,
  generation: string,
  maxKeyBytes: number,
  keys: KeyForm = 'url',
): string {
  if (!/^[0-9A-Za-z_-]*$/.test(generation))
    throw new TypeError('a generation consists of letters, digits, - and _');
  if (keys === 'hashed') return hashedKey(url, generation);
  const plain = generation === '' ? url : `g/${generation}/${url}`;
  if (Buffer.byteLength(plain) <= maxKeyBytes && !hasDotSegment(plain)) return plain;
  return `sha256/${generation}/${urlSha256(url)}`;
}

function hashedKey(url: string, generation: string): string {
  if (generation === NO_GENERATION)
    throw new TypeError(`${NO_GENERATION} is no generation: in a hashed key it represents the empty one`);
  return `sha256/${generation === '' ? NO_GENERATION : generation}/${urlSha256(url)}`;
}

/** The SHA-256 of the URL for which {@link objectKey} made `key`; `null` for markers and for keys of other programs. */
export function urlSha256OfKey(key: string): string | null {
  if (/^https?:\/\//.test(key)) return urlSha256(key);
  const generation = /^g\/[0-9A-Za-z_-]+\/(https?:\/\/.*)$/s.exec(key);
  if (generation?.[1] !== undefined) return urlSha256(generation[1]);
  return /^sha256\/[0-9A-Za-z_-]*\/([0-9a-f]{64})$/.exec(key)?.[1] ?? null;
}

/** A percent-encoded dot counts too, and a backslash ends a segment (https://url.spec.whatwg.org/#double-dot-path-segment). */
function hasDotSegment(key: string): boolean {
  return /(?:^|[/\\])(?:\.|%2e){1,2}(?:[/\\?#]|$)/i.test(key);
}
