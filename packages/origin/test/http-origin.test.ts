import { createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { createSourcePolicy } from '../src/source-policy.ts';
import { LONG, localOrigin, readAll, serveHttp, serveRaw } from './support/local-origin.ts';

function error(code: string, more: object = {}): Error {
  return expect.objectContaining({ name: 'OriginError', code, ...more }) as Error;
}

function at(port: number, path = '/object'): URL {
  return new URL(`http://127.0.0.1:${port}${path}`);
}

describe('open', () => {
  test('returns the bytes exactly as received, with the description from the headers', async () => {
    const bytes = gzipSync('the artifact'.repeat(1000));
    await using server = await serveHttp((_, response) => {
      response
        .writeHead(200, {
          'content-type': 'application/x-tar; charset=utf-8',
          'content-encoding': 'gzip',
          'content-disposition': Buffer.from('attachment; filename="é.tar"').toString('latin1'),
          'content-language': 'de, en',
          'content-length': bytes.length,
          etag: 'W/"1"',
          'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT',
        })
        .end(bytes);
    });
    await using origin = localOrigin();
    await using object = await origin.open(at(server.port));
    expect(object).toMatchObject({
      hops: 0,
      sizeBytes: bytes.length,
      contentType: 'application/x-tar; charset=utf-8',
      contentEncoding: 'gzip',
      contentDisposition: Buffer.from('attachment; filename="é.tar"').toString('latin1'),
      contentLanguage: 'de, en',
      etag: 'W/"1"',
      lastModified: 'Mon, 01 Jan 2024 00:00:00 GMT',
    });
    expect(object.sha256()).toBeNull();
    expect((await readAll(object.body)).equals(bytes)).toBe(true);
    expect(object.sha256()).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('returns user metadata, and caching headers if the rule has keepCacheControl', async () => {
    await using server = await serveHttp((_, response) => {
      response.writeHead(200, {
        'x-amz-meta-commit': 'abc',
        'X-Goog-Meta-Built-By': 'ci',
        'x-amz-meta-': 'nameless',
        'x-amz-storage-class': 'STANDARD',
        'Cache-Control': ['public', 'max-age=60'],
        expires: '0',
        'content-length': 1,
      });
      response.end('x');
    });
    await using plain = localOrigin();
    await using object = await plain.open(at(server.port));
    expect(object.userMetadata).toEqual({ commit: 'abc', 'built-by': 'ci' });
    expect(object.caching).toBeNull();
    const allow = [
      { prefix: `http://127.0.0.1:${server.port}/`, privateAddresses: true, keepCacheControl: true },
    ];
    await using keeping = localOrigin({ policy: createSourcePolicy({ requireTls: false, allow }) });
    await using kept = await keeping.open(at(server.port));
    expect(kept.caching).toEqual({ cacheControl: 'public, max-age=60', expires: '0' });
  });

  test('returns null for headers that the origin does not send', async () => {
    await using server = await serveHttp((_, response) => {
      response.sendDate = false;
      response.write('chunked');
      response.end();
    });
    await using origin = localOrigin();
    await using object = await origin.open(at(server.port));
    expect(object).toMatchObject({
      sizeBytes: null,
      contentType: null,
      contentEncoding: null,
      contentDisposition: null,
      contentLanguage: null,
      etag: null,
      lastModified: null,
    });
    expect((await readAll(object.body)).toString()).toBe('chunked');
  });

  test('reads an empty object', async () => {
    await using server = await serveHttp((_, response) =>
      response.writeHead(200, { 'content-length': 0 }).end(),
    );
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    expect(await readAll(object.body)).toHaveLength(0);
    expect(object.sha256()).toBe(createHash('sha256').digest('hex'));
  });

  test('reads many megabytes with a consumer slower than the origin', async () => {
    const size = 8 * 1024 * 1024;
    await using server = await serveHttp((_, response) => {
      response.writeHead(200, { 'content-length': size }).end(Buffer.alloc(size, 'x'));
    });
    await using origin = localOrigin({ maxObjectBytes: size });
    const object = await origin.open(at(server.port));
    let read = 0;
    for await (const chunk of object.body) {
      read += chunk.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(read).toBe(size);
    expect(object.sha256()).toBe(createHash('sha256').update(Buffer.alloc(size, 'x')).digest('hex'));
  });

  test('frees the memory of a large body as it is read', async () => {
    const size = 1024 * 1024;
    await using server = await serveHttp((_, response) => {
      response.writeHead(200, { 'content-length': size }).end(Buffer.alloc(size, 'x'));
    });
    await using origin = localOrigin({ maxObjectBytes: size });
    const chunks: Uint8Array[] = [];
    let freed = 0;
    for await (const chunk of (await origin.open(at(server.port))).body) {
      freed += chunks.at(-1)?.length === 0 ? 1 : 0;
      chunks.push(chunk);
    }
    expect(freed).toBeGreaterThan(0);
  });

  test('reads the same bytes however they are cut into chunks', async () => {
    const bytes = randomBytes(1024 * 1024);
    await using server = await serveHttp((_, response) => {
      response.writeHead(200);
      for (let from = 0, size = 1; from < bytes.length; from += size, size = (size * 7 + 3) % 50_021)
        response.write(bytes.subarray(from, from + size));
      response.end();
    });
    await using origin = localOrigin({ maxObjectBytes: bytes.length });
    const object = await origin.open(at(server.port));
    expect((await readAll(object.body)).equals(bytes)).toBe(true);
    expect(object.sha256()).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('refuses an object whose stated length is above maxObjectBytes, but not one of equal length', async () => {
    await using server = await serveHttp((_, response) =>
      response.writeHead(200, { 'content-length': 3 }).end('abc'),
    );
    await using enough = localOrigin({ maxObjectBytes: 3 });
    expect(await readAll((await enough.open(at(server.port))).body)).toHaveLength(3);
    await using tooLittle = localOrigin({ maxObjectBytes: 2 });
    await expect(tooLittle.open(at(server.port))).rejects.toThrow(error('too_large', { retryable: false }));
    await expect(tooLittle.inspect(at(server.port))).rejects.toThrow(error('too_large'));
  });

  test('fails with the status of the GET, whatever the HEAD answered', async () => {
    await using server = await serveHttp((request, response) => {
      response.writeHead(request.method === 'HEAD' ? 200 : 503, { 'content-length': 0 }).end();
    });
    await using origin = localOrigin();
    expect(await origin.inspect(at(server.port))).toMatchObject({ sizeBytes: 0 });
    await expect(origin.open(at(server.port))).rejects.toThrow(
      error('origin_status', { status: 503, retryable: true }),
    );
  });

  test('uses the length of the GET, whatever the HEAD answered', async () => {
    await using server = await serveHttp((request, response) => {
      if (request.method === 'HEAD') response.writeHead(200, { 'content-length': 10 }).end();
      else response.writeHead(200, { 'content-length': 2 }).end('ok');
    });
    await using origin = localOrigin();
    expect(await origin.inspect(at(server.port))).toMatchObject({ sizeBytes: 10 });
    const object = await origin.open(at(server.port));
    expect(object.sizeBytes).toBe(2);
    expect((await readAll(object.body)).toString()).toBe('ok');
  });

  test('closes the connection of a body that is not read to its end', async () => {
    const closed = Promise.withResolvers<undefined>();
    await using server = await serveRaw((socket) => {
      socket.once('close', () => closed.resolve(undefined));
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome');
    });
    await using origin = localOrigin();
    {
      await using _object = await origin.open(at(server.port));
    }
    await closed.promise;
  });

  test('lets the caller stop in the middle of the body', async () => {
    const closed = Promise.withResolvers<undefined>();
    await using server = await serveRaw((socket) => {
      socket.once('close', () => closed.resolve(undefined));
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome');
    });
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    for await (const chunk of object.body) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await closed.promise;
    expect(object.sha256()).toBeNull();
    await expect(readAll(object.body)).rejects.toThrow(TypeError);
  });
});

describe('inspect', () => {
  test('sends a HEAD', async () => {
    const methods: (string | undefined)[] = [];
    await using server = await serveHttp((request, response) => {
      methods.push(request.method);
      response.writeHead(200, { 'content-length': 12, 'content-type': 'text/plain', etag: '"e"' }).end();
    });
    await using origin = localOrigin();
    expect(await origin.inspect(at(server.port))).toMatchObject({
      sizeBytes: 12,
      contentType: 'text/plain',
      etag: '"e"',
    });
    expect(methods).toEqual(['HEAD']);
  });

  test('follows redirects again for the GET of the first byte', async () => {
    const asked: string[] = [];
    await using server = await serveHttp((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`);
      if (request.url === '/object') response.writeHead(302, { location: '/signed' }).end();
      else if (request.method === 'HEAD') response.writeHead(405).end();
      else
        response.writeHead(206, { 'content-range': 'bytes 0-0/1234', 'content-type': 'text/plain' }).end('a');
    });
    await using origin = localOrigin();
    expect(await origin.inspect(at(server.port))).toMatchObject({
      sizeBytes: 1234,
      contentType: 'text/plain',
      hops: 1,
    });
    expect(asked).toEqual([
      'HEAD /object ',
      'HEAD /signed ',
      'GET /object bytes=0-0',
      'GET /signed bytes=0-0',
    ]);
  });

  test.each<[string, number, Record<string, string>, number | null]>([
    ['ranges are not supported', 200, { 'content-length': '5000' }, 5000],
    ['ranges are not supported and no length is stated', 200, {}, null],
    ['the complete length is unknown', 206, { 'content-range': 'bytes 0-0/*' }, null],
    ['the object is empty', 416, { 'content-range': 'bytes */0' }, 0],
    ['a 416 states the length of a non-empty object', 416, { 'content-range': 'bytes */5000' }, null],
    ['a 416 has no Content-Range', 416, {}, null],
    ['a proxy transformed the answer', 203, { 'content-length': '5000' }, 5000],
  ])('determines the length if %s', async (_, status, headers, sizeBytes) => {
    await using server = await serveHttp((request, response) => {
      if (request.method === 'HEAD') response.writeHead(405).end();
      else response.writeHead(status, headers).write('x'.repeat(100));
    });
    await using origin = localOrigin();
    expect(await origin.inspect(at(server.port))).toMatchObject({ sizeBytes });
  });

  test('applies the total time limit to the GET of the first byte too', async () => {
    await using server = await serveHttp((request, response) => {
      if (request.method === 'HEAD') response.writeHead(405).end();
    });
    await using origin = localOrigin({ timeouts: { ...LONG, totalSeconds: 1 } });
    await expect(origin.inspect(at(server.port))).rejects.toThrow('did not deliver within 1 s');
  });

  test.each([
    [403, 403],
    [405, 404],
    [404, 410],
    [501, 502],
  ])('fails with the status of the GET if HEAD answers %s and GET %s', async (head, get) => {
    await using server = await serveHttp((request, response) => {
      response.writeHead(request.method === 'HEAD' ? head : get).end();
    });
    await using origin = localOrigin();
    await expect(origin.inspect(at(server.port))).rejects.toThrow(error('origin_status', { status: get }));
  });

  test.each([
    [404, false],
    [401, false],
    [408, true],
    [429, true],
    [500, true],
    [599, true],
  ])('fails for status %s, retryable: %s', async (status, retryable) => {
    await using server = await serveHttp((_, response) => response.writeHead(status).end());
    await using origin = localOrigin();
    await expect(origin.inspect(at(server.port))).rejects.toThrow(
      error('origin_status', { status, retryable }),
    );
  });
});

describe('connections', () => {
  test('are reused between HEADs, but not shared between HEADs and GETs', async () => {
    await using server = await serveHttp((_, response) => response.end('bytes'));
    await using origin = localOrigin();
    for (let time = 0; time < 5; time += 1) await origin.inspect(at(server.port));
    const forHeads = server.connections();
    // A connection whose answer has just arrived may not be idle yet.
    expect(forHeads).toBeLessThan(5);
    await using object = await origin.open(at(server.port));
    expect((await readAll(object.body)).toString()).toBe('bytes');
    expect(server.connections()).toBe(forHeads + 1);
  });

  test('with a body after the answer to a HEAD do not corrupt the next object', async () => {
    const forged = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: keep-alive\r\n\r\nforged';
    await using server = await serveRaw((socket, head) => {
      const [method] = head.split(' ');
      const length = head.includes('/first') ? forged.length : 4;
      const body = method === 'HEAD' ? (head.includes('/first') ? forged : '') : 'good';
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\nConnection: keep-alive\r\n\r\n${body}`);
    });
    await using origin = localOrigin();
    expect(await origin.inspect(at(server.port, '/first'))).toMatchObject({ sizeBytes: forged.length });
    expect(await origin.inspect(at(server.port, '/second'))).toMatchObject({ sizeBytes: 4 });
    await using object = await origin.open(at(server.port, '/second'));
    expect((await readAll(object.body)).toString()).toBe('good');
  });
});
