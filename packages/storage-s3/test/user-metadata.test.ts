import { expect, test } from 'vitest';
import { decodeMetadata, withUserMetadata } from '../src/stored-metadata.ts';

const own = { sha256: 'a'.repeat(64), 'upstream-url': 'u'.repeat(1_000) };

test('user metadata is stored in addition to our own', () => {
  const stored = withUserMetadata(own, { commit: 'abc', author: 'J\u00fcrgen  M' });
  expect(decodeMetadata(stored)).toEqual({ ...own, commit: 'abc', author: 'J\u00fcrgen  M' });
});

test('user metadata never replaces our own', () => {
  expect(withUserMetadata(own, { sha256: 'theirs' })).toEqual(own);
});

test('values are stored whole or not at all, in their order, within the 2 KB of S3', () => {
  const user = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [name, name.repeat(200)]));
  expect(Object.keys(withUserMetadata(own, user))).toEqual([...Object.keys(own), 'a', 'b', 'c', 'd']);
});

test('a value that is too long for a known store is skipped', () => {
  expect(withUserMetadata(own, { long: 'x'.repeat(257), short: 'x'.repeat(256) })).toMatchObject({
    short: 'x'.repeat(256),
  });
  expect(withUserMetadata(own, { long: '\u00e9'.repeat(50) })).toEqual(own);
});
