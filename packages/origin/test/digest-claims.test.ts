import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { Crc32c } from '../src/crc32c.ts';
import { digestClaims } from '../src/digest-claims.ts';
import { StreamDigests } from '../src/digests.ts';
import { ResponseHeaders } from '../src/response-headers.ts';

const body = Buffer.from('the bytes of an artifact');
const other = Buffer.from('the bytes of another one');

function hash(algorithm: string, bytes: Buffer, encoding: 'base64' | 'hex' = 'base64'): string {
  return createHash(algorithm).update(bytes).digest(encoding);
}

function checksum(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
}

function crc32c(bytes: Buffer): number {
  const crc = new Crc32c();
  crc.update(bytes);
  return crc.digest();
}

/** The field whose digest does not match `body`; `null` if all match, `undefined` if the headers have no digest. */
function broken(headers: Record<string, string | string[]>): string | null | undefined {
  const claims = digestClaims(new ResponseHeaders(headers));
  if (claims.length === 0) return undefined;
  const digests = new StreamDigests(claims);
  digests.update(body.subarray(0, 5));
  digests.update(body.subarray(5));
  return digests.finish().broken;
}

const google = { 'x-goog-stored-content-encoding': 'identity' };
const amazon = { 'x-amz-request-id': 'R' };

describe('a digest matches the right bytes and no others', () => {
  test.each<[string, (bytes: Buffer) => Record<string, string | string[]>]>([
    ['Content-MD5', (bytes) => ({ 'content-md5': hash('md5', bytes) })],
    ['Repr-Digest', (bytes) => ({ 'repr-digest': `sha-256=:${hash('sha256', bytes)}:` })],
    ['Repr-Digest', (bytes) => ({ 'repr-digest': `sha-512=:${hash('sha512', bytes)}:;q=1` })],
    ['Repr-Digest', (bytes) => ({ 'repr-digest': ['unixsum=:AA==:', `sha-256=:${hash('sha256', bytes)}:`] })],
    ['Content-Digest', (bytes) => ({ 'content-digest': `x=1, sha-256=:${hash('sha256', bytes)}:` })],
    ['Digest', (bytes) => ({ digest: `SHA-256=${hash('sha256', bytes)}` })],
    ['Digest', (bytes) => ({ digest: `unixsum=1,md5=${hash('md5', bytes)}` })],
    ['Digest', (bytes) => ({ digest: `sha-512=${hash('sha512', bytes)}` })],
    ['x-amz-checksum-sha256', (bytes) => ({ 'x-amz-checksum-sha256': hash('sha256', bytes) })],
    ['x-amz-checksum-sha1', (bytes) => ({ 'x-amz-checksum-sha1': hash('sha1', bytes) })],
    ['x-amz-checksum-crc32', (bytes) => ({ 'x-amz-checksum-crc32': checksum(crc32(bytes)) })],
    ['x-amz-checksum-crc32c', (bytes) => ({ 'x-amz-checksum-crc32c': checksum(crc32c(bytes)) })],
    [
      'x-goog-hash',
      (bytes) => ({ ...google, 'x-goog-hash': ['crc32c=AAAAAA==', `md5=${hash('md5', bytes)}`] }),
    ],
    ['x-goog-hash', (bytes) => ({ ...google, 'x-goog-hash': `crc32c=${checksum(crc32c(bytes))}` })],
    [
      'x-goog-hash',
      (bytes) => ({
        'x-goog-stored-content-encoding': 'gzip',
        'content-encoding': 'gzip',
        'x-goog-hash': `md5=${hash('md5', bytes)}`,
      }),
    ],
    ['ETag', (bytes) => ({ ...amazon, etag: `"${hash('md5', bytes, 'hex')}"` })],
    [
      'ETag',
      (bytes) => ({
        ...amazon,
        'x-amz-server-side-encryption': 'AES256',
        etag: `"${hash('md5', bytes, 'hex')}"`,
      }),
    ],
  ])('%s (%#)', (field, headers) => {
    expect(broken(headers(body))).toBeNull();
    expect(broken(headers(other))).toBe(field);
  });
});

describe('not a digest of the sent bytes:', () => {
  const md5 = `"${hash('md5', other, 'hex')}"`;
  test.each<[string, Record<string, string>]>([
    ['nothing', {}],
    ['an ETag of a server other than S3', { etag: md5 }],
    ['an ETag of a multipart upload', { ...amazon, etag: `"${hash('md5', other, 'hex')}-2"` }],
    ['a weak ETag', { ...amazon, etag: `W/${md5}` }],
    ['an ETag under a KMS key', { ...amazon, 'x-amz-server-side-encryption': 'aws:kms', etag: md5 }],
    [
      'an ETag under a customer key',
      { ...amazon, 'x-amz-server-side-encryption-customer-algorithm': 'AES256', etag: md5 },
    ],
    ['an ETag of a directory bucket', { ...amazon, 'x-amz-storage-class': 'EXPRESS_ONEZONE', etag: md5 }],
    ['an ETag of encoded bytes', { ...amazon, 'content-encoding': 'gzip', etag: md5 }],
    ['a composite checksum', { 'x-amz-checksum-sha256': `${hash('sha256', other)}-3` }],
    [
      'a checksum declared composite',
      { 'x-amz-checksum-sha256': hash('sha256', other), 'x-amz-checksum-type': 'COMPOSITE' },
    ],
    [
      'a hash of bytes that were stored compressed',
      { 'x-goog-stored-content-encoding': 'gzip', 'x-goog-hash': `md5=${hash('md5', other)}` },
    ],
    ['a hash without the stored encoding', { 'x-goog-hash': `md5=${hash('md5', other)}` }],
    ['an unknown algorithm', { 'repr-digest': 'sha-1024=:AAAA:', digest: 'adler32=AAAA' }],
    ['hex where base64 belongs', { 'content-md5': hash('md5', other, 'hex') }],
    ['a digest of the wrong length', { 'repr-digest': 'sha-256=:AAAA:' }],
    ['malformed text', { 'content-md5': 'unknown', 'repr-digest': 'garbage', digest: ';;=,=' }],
  ])('%s', (_, headers) => {
    expect(broken(headers)).toBeUndefined();
  });
});

test('every digest is checked, and the first that fails is named', () => {
  expect(broken({ 'content-md5': hash('md5', body), digest: `sha-256=${hash('sha256', other)}` })).toBe(
    'Digest',
  );
});

test.each<[string, Record<string, string>, string | null]>([
  ['is ignored if a stated hash proves the bytes', { 'content-md5': hash('md5', body) }, null],
  ['counts if only a checksum matches', { 'x-amz-checksum-crc32c': checksum(crc32c(body)) }, 'ETag'],
  ['comes after a stated hash that fails too', { 'content-md5': hash('md5', other) }, 'Content-MD5'],
])('a guessed digest that fails %s', (_, headers, expected) => {
  expect(broken({ ...amazon, etag: `"${hash('md5', other, 'hex')}"`, ...headers })).toBe(expected);
});

test('CRC-32C has the published check value', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
});

test('SHA-256 is always computed', () => {
  const digests = new StreamDigests([]);
  digests.update(body);
  expect(digests.finish()).toEqual({ sha256: hash('sha256', body, 'hex'), broken: null });
});
