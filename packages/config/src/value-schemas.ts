import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { nearestKey } from './nearest-key.ts';

/*
 * Kinds of values that the configuration is made of. The message of every schema is what a fault shows as "expected".
 */

/**
 * A mapping with exactly these keys. A key that YAML leaves empty (`admin:`) counts as an empty mapping. For unknown
 * keys the message has one line a key, in the order of the issue's `keys`.
 */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.preprocess((value) => value ?? {}, strictMapping(shape));
}

/**
 * As {@link section}, for places where nothing is not the same as an empty mapping.
 * @param known the keys among which the intended one is looked for where a key is unknown
 * @param adviceFor what to tell of an unknown key that stands for something which is not supported; `null` for others
 */
export function strictMapping<Shape extends z.ZodRawShape>(
  shape: Shape,
  known = Object.keys(shape),
  adviceFor: (key: string) => string | null = () => null,
) {
  return z.strictObject(shape, { error: (issue) => mappingMessage(issue, known, adviceFor) });
}

function mappingMessage(
  issue: { readonly code?: string; readonly keys?: unknown },
  known: readonly string[],
  adviceFor: (key: string) => string | null,
): string {
  const list = known.join(', ');
  if (issue.code !== 'unrecognized_keys' || !Array.isArray(issue.keys))
    return `a mapping with keys among ${list}`;
  return issue.keys
    .map((key) => {
      const advice = adviceFor(String(key));
      if (advice !== null) return advice;
      const near = nearestKey(String(key), known);
      return near === null ? `one of ${list}` : `"${near}" perhaps, or another of ${list}`;
    })
    .join('\n');
}

export function wholeNumber(smallest: number, largest: number, unit = '') {
  const error = `a whole number${unit === '' ? '' : ` of ${unit}`} from ${smallest} to ${largest}`;
  // zod's own check of whole numbers would end the search for faults.
  const isInRange = (value: number): boolean =>
    Number.isSafeInteger(value) && value >= smallest && value <= largest;
  return z.number({ error }).refine(isInRange, { error });
}

export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: words.join(' or ') });
}

export function flag() {
  return z.boolean({ error: 'true or false' });
}

export function text(expected: string, pattern: RegExp) {
  return z.string({ error: expected }).regex(pattern, { error: expected });
}

export function listOf<Item extends z.ZodType>(item: Item, expected: string, fewest = 0) {
  return z.array(item, { error: expected }).min(fewest, { error: expected });
}

/** TCP port; 0 lets the system choose a free one. */
export function port() {
  return wholeNumber(0, 65_535);
}

export function host() {
  return text('a host name or an address to listen on', /^[A-Za-z0-9._:%-]+$/);
}

const DAY_SECONDS = 86_400;

export function seconds(smallest: number, largest = 7 * DAY_SECONDS) {
  return wholeNumber(smallest, largest, 'seconds');
}

/** A time limit in milliseconds. */
export function timeLimitMs() {
  return wholeNumber(1, 3_600_000, 'milliseconds');
}

/** Address of a server, or of a place on it: http or https, no query, fragment or credentials. No slash at its end. */
export function httpUrl() {
  const expected = 'an http:// or https:// address without credentials, query or fragment';
  return z
    .string({ error: expected })
    .refine((value) => isPlainHttpUrl(value), { error: expected })
    .transform((value) => value.replace(/\/+$/, ''));
}

function isPlainHttpUrl(value: string): boolean {
  const url = parseUrl(value);
  if (url === null || /[\s\\]/.test(value)) return false;
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return false;
  if (!/^https?:\/\/[^/]/i.test(value)) return false;
  // A lone ? or # leaves nothing in `search` and `hash`.
  return url.username === '' && url.password === '' && !/[?#@]/.test(value);
}

export function parseUrl(value: string): URL | null {
  return URL.parse(value);
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. */
export function cidr() {
  const expected = 'a range of addresses such as 10.0.0.0/8 or 2001:db8::/32, or one address';
  return z.string({ error: expected }).refine((value) => isCidr(value), { error: expected });
}

function isCidr(value: string): boolean {
  const match = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(value);
  const address = match?.[1];
  if (address === undefined) return false;
  const family = isIP(address);
  if (family === 0) return false;
  if (match?.[2] === undefined) return true;
  try {
    new BlockList().addSubnet(address, Number(match[2]), family === 4 ? 'ipv4' : 'ipv6');
    return true;
  } catch {
    return false;
  }
}
