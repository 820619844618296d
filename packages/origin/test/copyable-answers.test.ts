import { describe, expect, test } from 'vitest';
import { createSourcePolicy } from '../src/source-policy.ts';
import { localOrigin, readAll, serveHttp } from './support/local-origin.ts';

const BYTES = Buffer.from('five ');

function error(code: string, more: object = {}): Error {
  return expect.objectContaining({ name: 'OriginError', code, ...more }) as Error;
}

function url(port: number): URL {
  return new URL(`http://127.0.0.1:${port}/object`);
}

type Headers = Record<string, string | string[]>;
const serve = (status: number, headers: Headers) =>
  serveHttp((request, response) => {
    const isHead = request.method === 'HEAD';
    // Every HEAD succeeds; a GET gets the status and headers of the test case.
    response.writeHead(isHead ? 200 : status, isHead ? { 'content-length': 5 } : headers);
    response.end(isHead || status === 204 || status === 304 ? '' : BYTES);
  });

describe('a GET is copied if its answer is the whole object:', () => {
  test.each<[number, Headers]>([
    [200, { 'content-length': '5' }],
    [200, {}],
    [203, { 'content-length': '5' }],
    [203, {}],
    [206, { 'content-length': '5', 'content-range': 'bytes 0-4/5' }],
    [206, { 'content-range': 'bytes 0-4/5' }],
    [206, { 'content-range': 'Bytes 0-4/5' }],
    [200, { 'content-length': '5', vary: 'Accept-Encoding, Origin', 'cache-control': 'no-cache' }],
  ])('%i %j', async (status, headers) => {
    await using server = await serve(status, headers);
    await using origin = localOrigin();
    await using object = await origin.open(url(server.port));
    const announced = status === 206 || headers['content-length'] !== undefined;
    expect(object.sizeBytes).toBe(announced ? 5 : null);
    expect((await readAll(object.body)).equals(BYTES)).toBe(true);
  });

  test('but not a 206 whose body is shorter than its range', async () => {
    await using server = await serve(206, { 'content-range': 'bytes 0-8/9' });
    await using origin = localOrigin();
    await using object = await origin.open(url(server.port));
    await expect(readAll(object.body)).rejects.toThrow(error('origin_interrupted'));
  });
});

describe('a success without the whole object is not_copyable, not an error of the origin:', () => {
  test.each<[number, Headers]>([
    [201, {}],
    [202, {}],
    [204, {}],
    [205, {}],
    [207, {}],
    [226, {}],
    [299, {}],
    [300, {}],
    [304, {}],
    [206, {}],
    [206, { 'content-range': 'bytes 0-4/*' }],
    [206, { 'content-range': 'bytes 0-4/10' }],
    [206, { 'content-range': 'bytes 5-9/10' }],
    [206, { 'content-range': 'bytes 1-5/6' }],
    [206, { 'content-range': 'bytes 0-9/10', 'content-length': '5' }],
    [206, { 'content-range': 'bytes */5' }],
    [206, { 'content-range': 'items 0-4/5' }],
    [206, { 'content-type': 'multipart/byteranges; boundary=x', 'content-length': '5' }],
  ])('%i %j', async (status, headers) => {
    await using server = await serve(status, headers);
    await using origin = localOrigin();
    await expect(origin.open(url(server.port))).rejects.toThrow(
      error('not_copyable', { status: null, retryable: false }),
    );
  });
});

describe('an answer that must not be shared', () => {
  const PRIVATE: readonly Headers[] = [
    { vary: 'Accept' },
    { vary: 'Accept-Encoding, User-Agent' },
    { 'cache-control': 'max-age=1, private="x"' },
    { 'cache-control': 'no-store' },
    { 'set-cookie': ['a=1', 'b=2'] },
  ];

  test.each(PRIVATE)('is not copied: %j', async (headers) => {
    await using server = await serve(200, headers);
    await using origin = localOrigin();
    await expect(origin.open(url(server.port))).rejects.toThrow(
      error('not_shareable', { status: null, retryable: false }),
    );
  });

  test.each(PRIVATE)('is copied if the rule ignores the header: %j', async (headers) => {
    await using server = await serve(200, headers);
    await using origin = localOrigin({
      policy: createSourcePolicy({
        requireTls: false,
        allow: [
          {
            prefix: `http://127.0.0.1:${server.port}/`,
            privateAddresses: true,
            ignoreVary: 'vary' in headers,
            ignoreCacheControl: !('vary' in headers),
          },
        ],
      }),
    });
    await using object = await origin.open(url(server.port));
    expect((await readAll(object.body)).equals(BYTES)).toBe(true);
  });
});
