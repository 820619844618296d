import { describe, expect, test } from 'vitest';
import { ResponseHeaders } from '../src/response-headers.ts';
import { whyNotShareable } from '../src/shareable.ts';

type Headers = Record<string, string | string[]>;
const NEITHER = { ignoreVary: false, ignoreCacheControl: false };

function why(headers: Headers, options = NEITHER): string | null {
  return whyNotShareable(new ResponseHeaders(headers), options);
}

const VARY: readonly (string | string[])[] = [
  'Accept',
  '*',
  'Cookie',
  'Authorization',
  'User-Agent',
  'Accept-Language',
  'X-Requested-With',
  'accept-encoding, USER-AGENT',
  'Accept-Encoding,Accept',
  ['Accept-Encoding', 'Accept'],
  'Origin; Accept',
  'two words',
];
const HARMLESS_VARY: readonly (string | string[])[] = [
  'Accept-Encoding',
  'accept-encoding , ORIGIN',
  ['Accept-Encoding', 'Origin'],
  'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
  '',
  ' , Accept-Encoding,,',
];
const CACHE_CONTROL: readonly (string | string[])[] = [
  'private',
  'no-store',
  'PRIVATE, max-age=60',
  'max-age=0,no-store',
  'max-age=60 ,\tPrivate',
  'private="Set-Cookie"',
  'private = "set-cookie, x-user", max-age=60',
  'no-store=1',
  ['max-age=60', 'private'],
  'max-age=0; private',
  ',,private',
  // An unclosed quote does not hide a directive.
  'ext="a, private',
  'ext="a\\", private',
];
const HARMLESS_CACHE_CONTROL: readonly (string | string[])[] = [
  'public, max-age=60',
  'no-cache',
  'max-age=0, must-revalidate, proxy-revalidate',
  'no-cache="private"',
  'ext="private, no-store"',
  'ext="\\", no-store, \\""',
  'privateer, no-storefront',
  's-maxage=0',
  '',
];

describe('Vary', () => {
  test.each(VARY)('%j forbids sharing, unless the rule ignores Vary', (vary) => {
    expect(why({ vary })).toMatch(/depends on the request/);
    expect(why({ vary }, { ignoreVary: true, ignoreCacheControl: false })).toBeNull();
    expect(why({ vary }, { ignoreVary: false, ignoreCacheControl: true })).not.toBeNull();
  });
  test.each(HARMLESS_VARY)('%j is harmless', (vary) => {
    expect(why({ vary })).toBeNull();
  });
  test('an invalid field name is not quoted', () => {
    expect(why({ vary: 'a b\u00ff' })).not.toMatch(/a b/);
  });
});

describe('Cache-Control', () => {
  test.each(CACHE_CONTROL)('%j forbids sharing, unless the rule ignores Cache-Control', (value) => {
    expect(why({ 'cache-control': value })).toMatch(/\((?:Cache-Control: private|Cache-Control: no-store)\)/);
    expect(why({ 'cache-control': value }, { ignoreVary: false, ignoreCacheControl: true })).toBeNull();
    expect(why({ 'cache-control': value }, { ignoreVary: true, ignoreCacheControl: false })).not.toBeNull();
  });
  test.each(HARMLESS_CACHE_CONTROL)('%j is harmless', (value) => {
    expect(why({ 'cache-control': value })).toBeNull();
  });
  test('a long malformed value is parsed in linear time', () => {
    const value = `${' '.repeat(15_000)}"${'\\'.repeat(15_000)}`;
    expect(why({ 'cache-control': value })).toBeNull();
  });
});

test('Set-Cookie forbids sharing, unless the rule ignores Cache-Control', () => {
  const headers = { 'set-cookie': ['session=1'], 'cache-control': 'public' };
  expect(why(headers)).toBe('its answer sets a cookie');
  expect(why(headers, { ignoreVary: true, ignoreCacheControl: false })).not.toBeNull();
  expect(why(headers, { ignoreVary: false, ignoreCacheControl: true })).toBeNull();
});
