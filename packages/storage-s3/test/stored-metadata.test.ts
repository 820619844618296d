import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHeaders } from '../src/stored-object.ts';
import { decodeMetadata, encodeMetadata } from '../src/stored-metadata.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const text = fc.string({ unit: 'binary', maxLength: 3000 });
const sizeOf = (encoded: Record<string, string>): number =>
  Object.entries(encoded).reduce((sum, [key, value]) => sum + key.length + value.length, 0);

describe('metadata in headers', () => {
  it('is decoded to the original text', () => {
    const short = fc.dictionary(name, fc.string({ unit: 'binary', maxLength: 20 }), { maxKeys: 4 });
    fc.assert(
      fc.property(short, (metadata) => {
        expect(decodeMetadata(encodeMetadata(metadata))).toEqual({ ...metadata });
      }),
    );
  });

  it('is printable ASCII of at most 2 KB, with truncated values', () => {
    fc.assert(
      fc.property(fc.dictionary(name, text, { maxKeys: 8 }), (metadata) => {
        const encoded = encodeMetadata(metadata);
        expect(sizeOf(encoded)).toBeLessThanOrEqual(2048);
        for (const value of Object.values(encoded)) expect(value).toMatch(/^[\x20-\x7e]*$/);
        for (const [key, value] of Object.entries(decodeMetadata(encoded)))
          expect((metadata[key] ?? '').startsWith(value)).toBe(true);
      }),
    );
  });

  it('has its longest values truncated, and keeps short ones whole', () => {
    const encoded = encodeMetadata({ upstream: 'u'.repeat(5000), sha256: 'a'.repeat(64) });
    expect(encoded['sha256']).toBe('a'.repeat(64));
    expect(sizeOf(encoded)).toBe(2048);
  });

  it('that another program wrote is returned unchanged', () => {
    expect(decodeMetadata({ a: "utf-8''%", b: '=?UTF-8?B?w6Q=?=' })).toEqual({
      a: "utf-8''%",
      b: '=?UTF-8?B?w6Q=?=',
    });
  });
});

describe('headers of an object', () => {
  it.each([
    ['attachment; filename="plain.txt"', 'attachment; filename="plain.txt"'],
    [
      'attachment; filename="文 件.txt"',
      `attachment; filename="_ _.txt"; filename*=UTF-8''%E6%96%87%20%E4%BB%B6.txt`,
    ],
    [
      'attachment; filename=caf\u00e9.txt; size=3',
      `attachment; filename=caf_.txt; size=3; filename*=UTF-8''caf%C3%A9.txt`,
    ],
    // UTF-8 bytes that were decoded as Latin-1.
    ['inline; filename="caf\u00c3\u00a9"', `inline; filename="caf_"; filename*=UTF-8''caf%C3%A9`],
    [`inline; filename="é"; filename*=UTF-8''%C3%A9`, `inline; filename="_"; filename*=UTF-8''%C3%A9`],
    ['inline; x="\u0001é"', 'inline; x=" _"'],
  ])('says Content-Disposition %j as %j', (received, sent) => {
    expect(encodeHeaders({ contentType: 'a/b', contentDisposition: received }).ContentDisposition).toBe(sent);
  });

  it('are always ASCII', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const headers = encodeHeaders({
          contentType: value,
          contentDisposition: `attachment; filename="${value}"`,
          contentEncoding: value,
          contentLanguage: value,
        });
        for (const sent of Object.values(headers)) expect(sent).toMatch(/^[\x20-\x7e]+$/);
      }),
    );
  });
});

describe('metadata for a store that refuses long values', () => {
  const short = { longValues: false };
  const url = `https://origin.example.com/${'a/'.repeat(400)}x?y=1`;

  it('has no value of more than 256 bytes, and is decoded whole', () => {
    const metadata = { 'upstream-url': url, sha256: 'f'.repeat(64), odd: `${'a b '.repeat(90)}ä` };
    const encoded = encodeMetadata(metadata, short);
    expect(Object.keys(encoded)).toContain('upstream-url-2');
    for (const value of Object.values(encoded)) expect(value.length).toBeLessThanOrEqual(256);
    expect(decodeMetadata(encoded)).toEqual(metadata);
  });

  it.each(['a', 'a b', 'ä', 'x-'])('is correct at every length around the limit, for repeated %j', (unit) => {
    for (let bytes = 20; bytes < 290; bytes += 1) {
      const metadata = { long: unit.repeat(bytes).slice(0, bytes).trimEnd() };
      const encoded = encodeMetadata(metadata, short);
      for (const value of Object.values(encoded)) expect(value.length).toBeLessThanOrEqual(256);
      expect(decodeMetadata(encoded)).toEqual(metadata);
    }
  });

  it('is at most 2 KB, with truncated values, for any text', () => {
    fc.assert(
      fc.property(fc.dictionary(name, text, { maxKeys: 8 }), (metadata) => {
        const encoded = encodeMetadata(metadata, short);
        expect(sizeOf(encoded)).toBeLessThanOrEqual(2048);
        for (const value of Object.values(encoded)) expect(value.length).toBeLessThanOrEqual(256);
        for (const [key, value] of Object.entries(decodeMetadata(encoded)))
          expect((metadata[key] ?? '').startsWith(value)).toBe(true);
      }),
    );
  });

  it('is truncated if the name of a piece is already in use', () => {
    const metadata = { 'upstream-url': url, 'upstream-url-2': 'mine' };
    const decoded = decodeMetadata(encodeMetadata(metadata, short));
    expect(decoded['upstream-url-2']).toBe('mine');
    expect(url.startsWith(decoded['upstream-url'] ?? '-')).toBe(true);
  });

  it('is returned unchanged if it only looks like a split value', () => {
    const metadata = { a: "parts'2'x", 'a-2': 'y' };
    expect(decodeMetadata(encodeMetadata(metadata))).toEqual(metadata);
    expect(decodeMetadata({ a: "parts'3'x", 'a-2': 'y' })).toEqual({ a: "parts'3'x", 'a-2': 'y' });
  });
});
