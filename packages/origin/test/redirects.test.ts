import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { createSourcePolicy } from '../src/source-policy.ts';
import { localOrigin, LONG, readAll, serveHttp, serveHttps, serveRaw } from './support/local-origin.ts';

function error(code: string, more: object = {}): Error {
  return expect.objectContaining({ name: 'OriginError', code, ...more }) as Error;
}

/** Answers `/N` with the redirect `to(N)`, or with the object if that is `null`. Records the requests. */
function redirecting(to: (step: number) => readonly [number, string | undefined] | null) {
  const asked: string[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    asked.push(`${request.method} ${request.url}`);
    const redirect = to(Number(request.url?.slice(1)));
    if (redirect === null) {
      response.writeHead(200, { 'content-length': 2 }).end('ok');
      return;
    }
    const [status, location] = redirect;
    response.writeHead(status, location === undefined ? {} : { location }).end('moved');
  };
  return { asked, listener };
}

describe('a redirect is followed', () => {
  test.each([301, 302, 303, 307, 308])('for status %s, with the same method', async (status) => {
    const { asked, listener } = redirecting((step) => (step === 0 ? [status, '/1?a=1#fragment'] : null));
    await using server = await serveHttp(listener);
    await using origin = localOrigin();
    const url = new URL(`http://127.0.0.1:${server.port}/0`);
    const inspected = await origin.inspect(url);
    expect(inspected).toMatchObject({ hops: 1, sizeBytes: 2 });
    expect(inspected.finalUrl.href).toBe(`http://127.0.0.1:${server.port}/1?a=1`);
    const object = await origin.open(url);
    expect((await readAll(object.body)).toString()).toBe('ok');
    expect(object.finalUrl.href).toBe(inspected.finalUrl.href);
    expect(asked).toEqual(['HEAD /0', 'HEAD /1?a=1', 'GET /0', 'GET /1?a=1']);
  });

  test('to another host with TLS, without cookies or a referrer', async () => {
    const heads: string[] = [];
    await using target = await serveHttps((request, response) => {
      heads.push(JSON.stringify(request.headers));
      response.writeHead(200, { 'content-length': 0 }).end();
    });
    await using server = await serveHttp((_, response) => {
      response
        .writeHead(302, {
          location: `https://cdn.test:${target.port}/x?X-Amz-Signature=s`,
          'set-cookie': 'session=1',
        })
        .end();
    });
    await using origin = localOrigin({ resolver: async () => [{ address: '127.0.0.1', family: 4 }] });
    const object = await origin.open(new URL(`http://origin.test:${server.port}/secret`));
    expect(await readAll(object.body)).toHaveLength(0);
    expect(heads).toHaveLength(1);
    expect(JSON.parse(heads[0] ?? '')).toEqual({
      host: `cdn.test:${target.port}`,
      connection: 'keep-alive',
      accept: '*/*',
      'accept-encoding': 'identity',
      'user-agent': 'test',
    });
  });

  test('up to the limit', async () => {
    const { listener } = redirecting((step) => (step < 5 ? [302, `/${step + 1}`] : null));
    await using server = await serveHttp(listener);
    const url = new URL(`http://127.0.0.1:${server.port}/0`);
    await using enough = localOrigin({ redirectLimit: 5 });
    expect(await enough.inspect(url)).toMatchObject({ hops: 5 });
    await using tooFew = localOrigin({ redirectLimit: 4 });
    await expect(tooFew.inspect(url)).rejects.toThrow(error('origin_redirects'));
  });

  test('although its body never ends', async () => {
    await using server = await serveRaw((socket, head) => {
      if (head.startsWith('GET /0'))
        socket.write(
          'HTTP/1.1 302 Found\r\nLocation: /1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
        );
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    await using origin = localOrigin();
    const object = await origin.open(new URL(`http://127.0.0.1:${server.port}/0`));
    expect((await readAll(object.body)).toString()).toBe('ok');
  });
});

describe('a redirect is refused:', () => {
  test.each<[string, (step: number) => readonly [number, string | undefined] | null]>([
    ['a loop of one', () => [302, '/0']],
    ['a loop of one that differs only in the fragment', () => [302, '/0#x']],
    ['a loop of two', (step) => [302, step === 0 ? '/1' : '/0']],
    ['no Location', () => [302, undefined]],
    ['an empty Location', () => [302, '']],
    ['a Location that is not a URL', () => [302, 'http://[::1']],
    ['a Location that is too long', () => [302, `/${'a'.repeat(9000)}`]],
  ])('%s', async (_, to) => {
    const { asked, listener } = redirecting(to);
    await using server = await serveHttp(listener);
    await using origin = localOrigin();
    const url = new URL(`http://127.0.0.1:${server.port}/0`);
    await expect(origin.open(url)).rejects.toThrow(error('origin_redirects', { retryable: false }));
    expect(asked.length).toBeLessThanOrEqual(2);
  });

  test('not for non-ASCII bytes in its Location, which are requested unchanged', async () => {
    const asked: string[] = [];
    await using server = await serveRaw((socket, head, count) => {
      asked.push(head.split(' ')[1] ?? '');
      const location = Buffer.from('/b/caf\u00e9.zip?\u00c3\u00a9=\u00ff', 'latin1');
      const answer = [Buffer.from('HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: '), location];
      if (count === 1) socket.write(Buffer.concat([...answer, Buffer.from('\r\n\r\n')]));
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody');
    });
    await using origin = localOrigin();
    const object = await origin.open(new URL(`http://127.0.0.1:${server.port}/`));
    expect((await readAll(object.body)).toString()).toBe('body');
    expect(asked).toEqual(['/', '/b/caf%E9.zip?%C3%A9=%FF']);
  });

  test('two Locations', async () => {
    await using server = await serveRaw((socket) =>
      socket.end('HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n'),
    );
    await using origin = localOrigin();
    await expect(origin.open(new URL(`http://127.0.0.1:${server.port}/`))).rejects.toThrow(
      error('origin_redirects'),
    );
  });

  test.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://127.0.0.1:1/',
    'http://127.1:1/',
    'http://[::1]:6379/',
    'http://[::ffff:127.0.0.1]:6379/',
    'http://192.168.1.1/',
    'http://１２７.0.0.1/',
    'http://2130706433/',
    '//169.254.169.254/',
    '/\\169.254.169.254/',
    'http://metadata.google.internal/',
    'http://inside.test/',
  ])('a target that is not public: %s', async (location) => {
    await using server = await serveRaw((socket) =>
      socket.write(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`),
    );
    // The policy allows every public URL, and the test's own server on a private address.
    await using origin = localOrigin({
      policy: createSourcePolicy({
        requireTls: false,
        allow: [
          { prefix: `http://127.0.0.1:${server.port}/`, privateAddresses: true },
          { pattern: '^https?://[a-z0-9.-]+(?::[0-9]+)?/' },
        ],
      }),
      resolver: async () => [{ address: '10.0.0.1', family: 4 }],
    });
    const url = new URL(`http://127.0.0.1:${server.port}/`);
    for (const attempt of [() => origin.open(url), () => origin.inspect(url)]) {
      const failure: unknown = await attempt().then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(failure).toMatchObject({ code: 'not_allowed', retryable: false });
      expect((failure as Error).message).not.toMatch(/169\.254|127\.0|192\.168|10\.0\.0/);
    }
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  test.each([
    ['another scheme', 'gopher://allowed.test/_x'],
    ['a host that is not allowed', 'http://evil.test/?secret'],
    ['credentials', 'http://user:secret@127.0.0.1:PORT/allowed/'],
    ['another port', 'http://127.0.0.1:6379/allowed/'],
    ['a path that is not allowed', '/other'],
    ['a path that traverses out of the allowed one', '/allowed/..%2fother'],
  ])('a target that the policy refuses: %s', async (_, location) => {
    const asked: (string | undefined)[] = [];
    await using server = await serveHttp((request, response) => {
      asked.push(request.url);
      response.writeHead(302, { location: location.replace('PORT', String(server.port)) }).end();
    });
    await using origin = localOrigin({
      policy: createSourcePolicy({
        requireTls: false,
        allow: [{ prefix: `http://127.0.0.1:${server.port}/allowed/`, privateAddresses: true }],
      }),
    });
    const attempt = origin.open(new URL(`http://127.0.0.1:${server.port}/allowed/x`));
    await expect(attempt).rejects.toThrow(error('not_allowed'));
    await expect(attempt).rejects.not.toThrow(/secret/);
    expect(asked).toEqual(['/allowed/x']);
  });

  test('a downgrade to http although TLS is required', async () => {
    await using server = await serveHttps((_, response) => {
      response.writeHead(302, { location: 'http://origin.test/' }).end();
    });
    await using origin = localOrigin({
      policy: createSourcePolicy({
        requireTls: true,
        allow: [{ pattern: '^https?://origin\\.test(?::[0-9]+)?/', privateAddresses: true }],
      }),
      resolver: async () => [{ address: '127.0.0.1', family: 4 }],
    });
    await expect(origin.open(new URL(`https://origin.test:${server.port}/`))).rejects.toThrow(
      error('not_allowed'),
    );
  });
});

test.each([300, 304, 305, 399, 204, 404, 503])('%s is a final answer', async (status) => {
  await using server = await serveHttp((_, response) => {
    response.writeHead(status, { location: 'http://169.254.169.254/' }).end();
  });
  await using origin = localOrigin();
  const url = new URL(`http://127.0.0.1:${server.port}/?q`);
  const expected =
    status < 400
      ? error('not_copyable', { status: null, retryable: false, host: url.host })
      : error('origin_status', { status, retryable: status === 503, host: url.host });
  await expect(origin.open(url)).rejects.toThrow(expected);
  await expect(origin.inspect(url)).rejects.toThrow(expected);
});

test('a Refresh header or meta element is not a redirect', async () => {
  const page = '<meta http-equiv="refresh" content="0;url=http://127.0.0.1:1/">';
  await using server = await serveHttp((_, response) => {
    response
      .writeHead(200, { 'content-length': page.length, refresh: '0;url=http://127.0.0.1:1/' })
      .end(page);
  });
  await using origin = localOrigin();
  const object = await origin.open(new URL(`http://127.0.0.1:${server.port}/`));
  expect((await readAll(object.body)).toString()).toBe(page);
});

test('a connection to a private address is not reused for a URL that must not use it', async () => {
  const asked: (string | undefined)[] = [];
  await using server = await serveHttp((request, response) => {
    asked.push(request.url);
    response.writeHead(200, { 'content-length': 0 }).end();
  });
  await using origin = localOrigin({
    policy: createSourcePolicy({
      requireTls: false,
      allow: [
        { prefix: `http://127.0.0.1:${server.port}/inside/`, privateAddresses: true },
        { prefix: `http://127.0.0.1:${server.port}/outside/` },
      ],
    }),
  });
  const inside = new URL(`http://127.0.0.1:${server.port}/inside/x`);
  // Reading the bodies to the end leaves idle connections in the pool.
  for (let count = 0; count < 3; count += 1) await readAll((await origin.open(inside)).body);
  await expect(origin.open(new URL('/outside/x', inside))).rejects.toThrow(error('not_allowed'));
  expect(asked).toEqual(['/inside/x', '/inside/x', '/inside/x']);
  expect(server.connections()).toBeLessThan(3);
});

test('a name is resolved and checked again when a broken connection is retried', async () => {
  await using server = await serveRaw((socket) => socket.destroy());
  let asked = 0;
  await using origin = localOrigin({
    resolver: async () => {
      asked += 1;
      return [{ address: asked === 1 ? '127.0.0.1' : '169.254.169.254', family: 4 }];
    },
  });
  await expect(origin.open(new URL(`http://flip.test:${server.port}/`))).rejects.toThrow(
    error('not_allowed'),
  );
  expect(asked).toBe(2);
});

describe('an origin is unreachable:', () => {
  test.each<[string, Parameters<typeof serveRaw>[0]]>([
    ['connections that break', (socket) => socket.destroy()],
    ['no answer', () => {}],
    ['an answer that stops in its headers', (socket) => socket.write('HTTP/1.1 200 OK\r\nA: b')],
    ['an answer that is not HTTP', (socket) => socket.write('SSH-2.0-OpenSSH_9.9\r\n')],
    ['endless headers', (socket) => socket.write(`HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(20_000)}`)],
    [
      'endless interim responses',
      (socket) => {
        const timer = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 20);
        socket.once('close', () => clearInterval(timer));
      },
    ],
  ])('%s', async (_, answer) => {
    await using server = await serveRaw(answer);
    await using origin = localOrigin({ timeouts: { ...LONG, connectSeconds: 0.3, firstByteSeconds: 0.3 } });
    const url = new URL(`http://127.0.0.1:${server.port}/?private-part`);
    const attempt = origin.open(url);
    await expect(attempt).rejects.toThrow(error('origin_unreachable', { retryable: true, host: url.host }));
    await expect(attempt).rejects.not.toThrow(/private-part/);
  });

  test('a closed port', async () => {
    const server = await serveRaw(() => {});
    await server[Symbol.asyncDispose]();
    await using origin = localOrigin();
    await expect(origin.inspect(new URL(`http://127.0.0.1:${server.port}/`))).rejects.toThrow(
      error('origin_unreachable'),
    );
  });

  test('a name that does not resolve', async () => {
    await using origin = localOrigin({ resolver: () => Promise.reject(new Error('ENOTFOUND')) });
    await expect(origin.inspect(new URL('https://unknown.test/'))).rejects.toThrow(
      error('origin_unreachable'),
    );
  });

  test('a certificate for another name', async () => {
    await using server = await serveHttps((_, response) => response.end());
    await using origin = localOrigin({ resolver: async () => [{ address: '127.0.0.1', family: 4 }] });
    await expect(origin.inspect(new URL(`https://other.test:${server.port}/`))).rejects.toThrow(
      error('origin_unreachable'),
    );
  });
});

describe('cancellation', () => {
  test('rejects with the caller’s own reason, before and during a request', async () => {
    const asked = Promise.withResolvers<undefined>();
    await using server = await serveRaw(() => asked.resolve(undefined));
    await using origin = localOrigin();
    const url = new URL(`http://127.0.0.1:${server.port}/`);
    const caller = new AbortController();
    const reason = new Error('gone');
    const attempt = origin.open(url, { signal: caller.signal });
    await asked.promise;
    caller.abort(reason);
    await expect(attempt).rejects.toBe(reason);
    await expect(origin.inspect(url, { signal: caller.signal })).rejects.toBe(reason);
    expect(server.connections()).toBe(1);
  });

  test('of running calls happens when the origin client is closed', async () => {
    const asked = Promise.withResolvers<undefined>();
    await using server = await serveRaw(() => asked.resolve(undefined));
    const origin = localOrigin();
    const attempt = origin.open(new URL(`http://127.0.0.1:${server.port}/`));
    const outcome = expect(attempt).rejects.toThrow(error('origin_unreachable'));
    await asked.promise;
    await origin[Symbol.asyncDispose]();
    await outcome;
  });
});
