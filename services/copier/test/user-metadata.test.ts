import { expect, test } from 'vitest';
import { storableUserMetadata } from '../src/user-metadata.ts';

test.each([
  ['valid metadata', { commit: 'abc', 'built-by': 'ci 7' }, { commit: 'abc', 'built-by': 'ci 7' }],
  ['UTF-8 bytes', { author: Buffer.from('J\u00fcrgen').toString('latin1') }, { author: 'J\u00fcrgen' }],
  ['encoded words, unchanged', { a: '=?UTF-8?B?w6Q=?=' }, { a: '=?UTF-8?B?w6Q=?=' }],
  [
    'names that the mirror uses',
    { sha256: 'x', token: 'x', generation: 'x', hops: '1', 'stored-at': 'x' },
    {},
  ],
  ['names that the mirror uses, with underscores', { stored_at: 'x', 'upstream_content-length': '1' }, {}],
  ['names that are reserved for the mirror', { 'upstream-anything': 'x', 'upload-nonce': 'x' }, {}],
  ['names that stores interpret', { 'x-amz-unencrypted-content-length': '0', 'x-minio-internal-a': 'b' }, {}],
  ['names with an underscore, which some stores convert', { build_id: '7' }, { 'build-id': '7' }],
  ['two names that become equal', { a_b: '1', 'a-b': '2' }, { 'a-b': '1' }],
  ['control characters', { a: 'x\u0001', b: 'x' }, { b: 'x' }],
  ['invalid names', { 'a b': '1', 'a!': '2', ['a'.repeat(65)]: '3', '-a': '4' }, {}],
  ['empty values', { a: '', b: ' ' }, {}],
])('user metadata is stored as far as possible: %s', (_what, received, stored) => {
  expect(storableUserMetadata(received)).toEqual(stored);
});
