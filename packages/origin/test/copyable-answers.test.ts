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
    // What every HEAD says here, and what a GET says with the status and the headers of the case.
    response.writeHead(isHead ? 200 : status, isHead ? { 'content-length': 5 } : headers);
    response.end(isHead || status === 204 || status === 304 ? '' : BYTES);
  });

describe('a GET whose answer is the whole object', () => {
  test.each<[number, Headers]>([
    [200, { 'content-length': '5' }],
    [200, {}],
    [203, { 'content-length': '5' }],
    [203, {}],
    [206, { 'content-length': '5', 'content-range': 'bytes 0-4/5' }],
    [206, { 'content-range': 'bytes 0-4/5' }],
    [200, { 'content-length': '5', vary: 'Accept-Encoding, Origin', 'cache-control': 'no-cache' }],
  ])('%i %j', async (status, headers) => {
    await using server = await serve(status, headers);
    await using origin = localOrigin();
    await using object = await origin.open(url(server.port));
    const announced = status === 206 || headers['content-length'] !== undefined;
    expect(object.sizeBytes).toBe(announced ? 5 : null);
    expect((await readAll(object.body)).equals(BYTES)).toBe(true);
  });

  test('a 206 that is cut is not the whole, whatever its range says', async () => {
    await using server = await serve(206, { 'content-range': 'bytes 0-8/9' });
    await using origin = localOrigin();
    await using object = await origin.open(url(server.port));
    await expect(readAll(object.body)).rejects.toThrow(error('origin_interrupted'));
  });
});

describe('a success that is not the whole object is not copied, and is no error of the origin', () => {
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

describe('an answer that is not for everybody', () => {
  const PRIVATE: readonly Headers[] = [
    { vary: 'Accept' },
    { vary: 'Accept-Encoding, User-Agent' },
    { 'cache-control': 'max-age=1, private="x"' },
    { 'cache-control': 'no-store' },
    { 'set-cookie': ['a=1', 'b=2'] },
  ];

  test.each(PRIVATE)('%j is not copied by a GET either', async (headers) => {
    await using server = await serve(200, headers);
    await using origin = localOrigin();
    await expect(origin.open(url(server.port))).rejects.toThrow(
      error('not_shareable', { status: null, retryable: false }),
    );
  });

  test.each(PRIVATE)('%j is copied where the rule says so', async (headers) => {
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
