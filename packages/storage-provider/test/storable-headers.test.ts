import { describe, expect, it } from 'vitest';
import { storableHeaders } from '../src/index.ts';

const stored = (headers: Partial<Parameters<typeof storableHeaders>[0]>) =>
  storableHeaders({ contentType: 'a/b', ...headers });

describe("an origin's headers are stored:", () => {
  it.each([
    ['aws-chunked', undefined],
    ['AWS-Chunked', undefined],
    [' aws-chunked ', undefined],
    ['gzip, aws-chunked', 'gzip'],
    ['aws-chunked,gzip', 'gzip'],
    ['aws-chunked, aws-chunked', undefined],
    ['gzip, Aws-Chunked, br', 'gzip, br'],
    ['chunked', undefined],
    ['identity', undefined],
    ['br,Identity', 'br'],
    ['gzip, trailers', 'gzip'],
    ['aws-chunked;x=1', undefined],
    ['gzip;q=1', 'gzip'],
    ['"aws-chunked"', undefined],
    [', ,gzip', 'gzip'],
    ['', undefined],
    ['gz\u00efp', undefined],
    ['gzip\u0001', undefined],
    ['gzip', 'gzip'],
    ['GZIP', 'GZIP'],
    ['x-gzip,  br', 'x-gzip,  br'],
    ['\tgzip', 'gzip'],
    ['gzip,\tbr', 'gzip, br'],
    ['gzip\u00a0', 'gzip'],
    ['zstd', 'zstd'],
    ['x'.repeat(300), undefined],
  ])('Content-Encoding %j as %j', (received, kept) => {
    expect(stored({ contentEncoding: received }).contentEncoding).toBe(kept);
  });

  it.each([
    ['text/plain;  charset=utf-8', 'text/plain;  charset=utf-8'],
    ['application/x-gzip; name="a; b.gz"', 'application/x-gzip; name="a; b.gz"'],
    ['text/plain;', 'text/plain;'],
    ['text/plain; charset=\u0001', 'text/plain;'],
    ['text/html, text/plain', 'text/html'],
    ['application/x-www-form-urlencoded', 'application/octet-stream'],
    ['Application/X-WWW-Form-URLencoded; charset=utf-8', 'application/octet-stream'],
    ['multipart/form-data; boundary=x', 'application/octet-stream'],
    ['text/plain; swift_bytes=9; charset=utf-8', 'text/plain; charset=utf-8'],
    ['', 'application/octet-stream'],
    ['zip', 'application/octet-stream'],
    ['te\u0000xt/plain', 'application/octet-stream'],
    ['text/plain; a=' + 'b'.repeat(300), 'text/plain'],
    ['x'.repeat(300) + '/y', 'application/octet-stream'],
  ])('Content-Type %j as %j', (received, kept) => {
    expect(stored({ contentType: received }).contentType).toBe(kept);
  });

  it('Content-Disposition on one line', () => {
    const contentDisposition = 'attachment; filename="a\r\nX-Amz-Acl: public-read"';
    expect(stored({ contentDisposition }).contentDisposition).toBe(
      'attachment; filename="a  X-Amz-Acl: public-read"',
    );
  });

  it.each([
    ['contentDisposition', 'attachment; filename="\u00fcber.gz"', true],
    ['contentDisposition', 'x'.repeat(2_001), false],
    ['contentLanguage', 'de-CH, en', true],
    ['contentLanguage', 'd\u00e9', false],
    ['contentLanguage', 'en;q=0.5', false],
    ['cacheControl', 'public, max-age=31536000, immutable', true],
    ['cacheControl', 'max-age=1\u0000', false],
    ['cacheControl', ' ', false],
    ['expires', 'Sun, 06 Nov 1994 08:49:37 GMT', true],
    ['expires', 'Sun, 99 Nov 1994 08:49:37 GMT', false],
    ['expires', '0', false],
  ] as const)('%s %j: %j', (name, received, kept) => {
    expect(stored({ [name]: received })[name]).toBe(kept ? received : undefined);
  });
});
