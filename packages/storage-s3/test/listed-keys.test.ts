import { expect, it, describe } from 'vitest';
import { ListedKeys } from '../src/list-objects.ts';

const KEYS: readonly string[] = [
  'https://o.example.com/a b+c%20d%2Fe',
  'https://o.example.com/100%',
  'https://o.example.com/a?x=1&y=<2>',
  'g/n0nce/https://o.example.com/%7Euser',
  'sha256/0/abc',
  'sha256//abc',
  'purged/abc',
];

/** How stores encode keys in listings. */
const ENCODINGS: readonly [name: string, encode: (key: string) => string, said: string | undefined][] = [
  ['encoded and said so, as AWS does', (key) => encodeURIComponent(key).replaceAll('%20', '+'), 'url'],
  [
    'encoded but for slashes, and said so',
    (key) => encodeURI(key).replaceAll(':', '%3A').replaceAll('+', '%2B'),
    'url',
  ],
  ['encoded and not said so', encodeURIComponent, undefined],
  [
    'encoded but for slashes, and not said so, as radosgw does',
    (key) => encodeURIComponent(key).replaceAll('%2F', '/'),
    undefined,
  ],
  ['not encoded', (key) => key, undefined],
];

describe.each(ENCODINGS)('keys that are %s', (_name, encode, said) => {
  it('are decoded correctly on one page', () => {
    const listed = KEYS.map(encode);
    const keys = new ListedKeys(listed, said);
    expect(listed.map((key) => keys.readings(key)[0])).toEqual(KEYS);
  });

  it.each(KEYS)('are decoded correctly on separate pages: %j', (key) => {
    const keys = new ListedKeys([encode(key)], said);
    expect(keys.readings(encode(key))[0]).toBe(key);
  });
});

describe('a page that states that its keys are encoded', () => {
  it.each(['https://o.example.com/100%', 'a b%20c', 'ä%20', 'a%zz'])('is contradicted by %j', (key) => {
    expect(new ListedKeys([key], 'url').readings(key)[0]).toBe(key);
  });

  it('keeps the second reading of an ambiguous key', () => {
    expect(new ListedKeys(['http://o/a%2520b'], 'url').readings('http://o/a%2520b')).toEqual([
      'http://o/a%20b',
      'http://o/a%2520b',
    ]);
  });
});
