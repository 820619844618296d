import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { nearestKey } from './nearest-key.ts';

/*
 * Schemas for the values of a configuration. The error message of each schema becomes the `expected` of a fault.
 */

/**
 * A mapping with exactly these keys. A section without a value (`admin:`) counts as an empty mapping. The message for
 * unknown keys has one line per key, in the order of the issue's `keys`.
 */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.preprocess((value) => value ?? {}, strictMapping(shape));
}

/**
 * Like {@link section}, but a missing value is not an empty mapping.
 * @param known the keys that the message for an unknown key suggests
 * @param adviceFor the message for an unknown key that names an unsupported feature; null for other keys
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
    return `a mapping with any of the keys ${list}`;
  return issue.keys
    .map((key) => {
      const advice = adviceFor(String(key));
      if (advice !== null) return advice;
      const near = nearestKey(String(key), known);
      return near === null ? `one of ${list}` : `one of ${list} (did you mean "${near}"?)`;
    })
    .join('\n');
}

export function wholeNumber(smallest: number, largest: number, unit = '') {
  const error = `a whole number${unit === '' ? '' : ` of ${unit}`} from ${smallest} to ${largest}`;
  // zod's own integer check aborts validation, which would hide the faults that depend on several keys.
  const isInRange = (value: number): boolean =>
    Number.isSafeInteger(value) && value >= smallest && value <= largest;
  return z.number({ error }).refine(isInRange, { error });
}

/** A number above 0, such as a rate. */
export function positiveNumber(largest: number) {
  const error = `a number above 0 and at most ${largest}`;
  return z.number({ error }).refine((value) => value > 0 && value <= largest, { error });
}

/** A fraction above 0 and at most 1. */
export function share() {
  const error = 'a number above 0 and at most 1';
  return z.number({ error }).refine((value) => value > 0 && value <= 1, { error });
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
  return text('a host name or an IP address to listen on', /^[A-Za-z0-9._:%-]+$/);
}

const DAY_SECONDS = 86_400;

export function seconds(smallest: number, largest = 7 * DAY_SECONDS) {
  return wholeNumber(smallest, largest, 'seconds');
}

/** A time limit in milliseconds. */
export function timeLimitMs() {
  return wholeNumber(1, 3_600_000, 'milliseconds');
}

/** An http or https URL without query, fragment or credentials. A trailing slash is removed. */
export function httpUrl() {
  const expected = 'an http:// or https:// URL without credentials, query or fragment';
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
  // `search` and `hash` are empty for a lone ? or #, so the text is checked too.
  return url.username === '' && url.password === '' && !/[?#@]/.test(value);
}

export function parseUrl(value: string): URL | null {
  return URL.parse(value);
}

/** `10.0.0.0/8`, `2001:db8::/32`, or a single IP address. */
export function cidr() {
  const expected = 'an address range such as 10.0.0.0/8 or 2001:db8::/32, or a single IP address';
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
