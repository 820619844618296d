import { once } from 'node:events';
import {
  createServer as createHttp,
  request as httpRequest,
  type IncomingMessage,
  type Server,
} from 'node:http';
import { createServer as createHttps } from 'node:https';
import { connect, createServer as createTcp, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { causeChain, codeOf } from '../src/cause-chain.ts';
import type { HttpOriginOptions } from '../src/http-origin.ts';
import { createSourcePolicy } from '../src/source-policy.ts';
import {
  ISSUED_CERTIFICATE,
  listen,
  localOrigin,
  LONG,
  readAll,
  serveHttp,
  serveHttps,
  serveRaw,
  TEST_AUTHORITY,
  TEST_KEY,
  type LocalServer,
} from './support/local-origin.ts';

interface Proxy extends LocalServer {
  /** Method and request target of every request, in order. */
  readonly asked: string[];
  readonly credentials: (string | undefined)[];
}

/** A forward proxy for CONNECT and requests in absolute form. It resolves every host to 127.0.0.1. */
async function serveProxy(
  answer?: { readonly status: number; readonly headers?: Record<string, string> },
  secure = false,
): Promise<Proxy> {
  const asked: string[] = [];
  const credentials: (string | undefined)[] = [];
  const note = ({ method, url, headers }: IncomingMessage): void => {
    asked.push(`${method} ${url}`);
    credentials.push(headers['proxy-authorization']);
  };
  const server = (secure ? createHttps({ key: TEST_KEY, cert: ISSUED_CERTIFICATE }) : createHttp()) as Server;
  server.on('connect', (request: IncomingMessage, client: Socket, head: Buffer) => {
    note(request);
    client.on('error', () => undefined);
    if (answer !== undefined) {
      client.end(`HTTP/1.1 ${answer.status} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const target = connect(Number(request.url?.split(':').at(-1)), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.write(head);
      target.pipe(client).pipe(target);
    });
    target.on('error', () => client.destroy());
  });
  server.on('request', (request, response) => {
    note(request);
    if (answer !== undefined) {
      response.writeHead(answer.status, answer.headers).end();
      return;
    }
    const { port, pathname, search } = new URL(request.url ?? '');
    const { 'proxy-authorization': _, ...headers } = request.headers;
    httpRequest(
      { host: '127.0.0.1', port, path: pathname + search, method: request.method, headers },
      (origin) => {
        response.writeHead(origin.statusCode ?? 0, origin.headers);
        origin.pipe(response);
      },
    )
      .on('error', () => response.destroy())
      .end();
  });
  return Object.assign(await listen(server), { asked, credentials });
}

/** An origin client behind `proxy`. Only the proxy can resolve names. */
function behind(
  proxy: string | { readonly port: number },
  options: Partial<HttpOriginOptions> & { noProxy?: string } = {},
) {
  const address = new URL(typeof proxy === 'string' ? proxy : `http://127.0.0.1:${proxy.port}`);
  const { noProxy = '', ...originOptions } = options;
  return localOrigin({
    ca: TEST_AUTHORITY,
    resolver: () => Promise.reject(Object.assign(new Error('no DNS here'), { code: 'ENOTFOUND' })),
    proxy: { http: address, https: address, noProxy },
    ...originOptions,
  });
}

async function failureOf(
  origin: ReturnType<typeof localOrigin>,
  url: string,
): Promise<Error & { code?: string }> {
  return origin.open(new URL(url)).then(
    () => new Error('it was opened'),
    (error: unknown) => error as Error,
  );
}

describe('an origin behind a proxy', () => {
  test('is reached through a tunnel for https, and its certificate is verified with a private authority', async () => {
    const heads: IncomingMessage['headers'][] = [];
    await using server = await serveHttps((request, response) => {
      heads.push(request.headers);
      response.setHeader('content-length', 4);
      response.end('body');
    }, ISSUED_CERTIFICATE);
    await using proxy = await serveProxy();
    await using origin = behind(`http://user:secret@127.0.0.1:${proxy.port}`);
    const url = new URL(`https://origin.test:${server.port}/a?b`);
    await expect(origin.inspect(url)).resolves.toMatchObject({ sizeBytes: 4 });
    expect((await readAll((await origin.open(url)).body)).toString()).toBe('body');
    expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT origin.test:${server.port}`]));
    expect(proxy.credentials[0]).toBe(`Basic ${Buffer.from('user:secret').toString('base64')}`);
    // The origin must not see the proxy's credentials.
    expect(heads.some((headers) => 'proxy-authorization' in headers)).toBe(false);
  });

  test('is requested in absolute form for http', async () => {
    const heads: IncomingMessage['headers'][] = [];
    await using server = await serveHttp((request, response) => {
      heads.push(request.headers);
      response.end(request.url);
    });
    await using proxy = await serveProxy();
    await using origin = behind(`http://user:secret@127.0.0.1:${proxy.port}`);
    const url = new URL(`http://origin.test:${server.port}/a?b=%C3%A9`);
    expect((await readAll((await origin.open(url)).body)).toString()).toBe('/a?b=%C3%A9');
    expect(proxy.asked).toEqual([`GET ${url.href}`]);
    expect(proxy.credentials).toEqual([`Basic ${Buffer.from('user:secret').toString('base64')}`]);
    expect(heads[0]?.host).toBe(url.host);
  });

  test('is reached through a proxy that uses TLS', async () => {
    await using server = await serveHttps((_, response) => response.end('body'), ISSUED_CERTIFICATE);
    await using proxy = await serveProxy(undefined, true);
    await using origin = behind(`https://127.0.0.1:${proxy.port}`);
    const object = await origin.open(new URL(`https://origin.test:${server.port}/`));
    expect((await readAll(object.body)).toString()).toBe('body');
  });

  test('is read with the lenient parser if it needs that', async () => {
    await using server = await serveRaw((socket) =>
      socket.end(
        'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 4\r\n\r\nbody',
      ),
    );
    // Forwards raw bytes, as in a tunnel.
    await using proxy = await listen(
      createTcp((client) => {
        const target = connect(server.port, '127.0.0.1');
        client
          .on('error', () => target.destroy())
          .pipe(target)
          .on('error', () => client.destroy())
          .pipe(client);
      }),
    );
    await using origin = behind(proxy);
    const object = await origin.open(new URL('http://origin.test/'));
    expect((await readAll(object.body)).toString()).toBe('body');
  });

  test('is reached directly if NO_PROXY names it, and then its addresses are checked', async () => {
    await using server = await serveHttp((_, response) => response.end('body'));
    await using proxy = await serveProxy();
    const resolver = async () => [{ address: '127.0.0.1', family: 4 }];
    await using origin = behind(proxy, { noProxy: '.test', resolver });
    const object = await origin.open(new URL(`http://origin.test:${server.port}/`));
    expect((await readAll(object.body)).toString()).toBe('body');
    await using strict = behind(proxy, {
      noProxy: '.test',
      resolver,
      policy: createSourcePolicy({ requireTls: false, allow: [{ pattern: '^http://[a-z.]+:[0-9]+/' }] }),
    });
    expect(await failureOf(strict, `http://origin.test:${server.port}/`)).toMatchObject({
      code: 'not_allowed',
    });
    expect(proxy.asked).toEqual([]);
  });

  test('may redirect to a host that is reached directly', async () => {
    await using server = await serveHttp((request, response) => {
      if (request.url === '/')
        response.writeHead(302, { location: `http://inside.test:${server.port}/next` }).end();
      else response.end('body');
    });
    await using proxy = await serveProxy();
    await using origin = behind(proxy, {
      noProxy: 'inside.test',
      resolver: async () => [{ address: '127.0.0.1', family: 4 }],
    });
    const object = await origin.open(new URL(`http://outside.test:${server.port}/`));
    expect((await readAll(object.body)).toString()).toBe('body');
    expect(proxy.asked).toEqual([`GET http://outside.test:${server.port}/`]);
  });

  test('is named in its own failures, not the proxy', async () => {
    await using server = await serveHttp((_, response) => response.writeHead(503).end());
    await using proxy = await serveProxy();
    await using origin = behind(proxy);
    expect(await failureOf(origin, `http://origin.test:${server.port}/`)).toMatchObject({
      code: 'origin_status',
      status: 503,
    });
    await using tls = await serveHttps((_, response) => response.end('x'), ISSUED_CERTIFICATE);
    const failure = await failureOf(origin, `https://other.test:${tls.port}/`);
    expect(failure.message).toContain('its certificate is for another name');
    expect(failure.message).not.toContain('proxy');
    expect(causeChain(failure).map(codeOf)).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
  });
});

describe('behind a proxy, the address guard refuses URLs by their host:', () => {
  test.each([
    'https://10.0.0.1/',
    'http://192.168.1.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[fd00::1]/',
    'http://metadata.google.internal/',
    'http://localhost/',
    'http://127.0.0.1/',
  ])('%s', async (url) => {
    await using proxy = await serveProxy();
    await using origin = behind(proxy, {
      policy: createSourcePolicy({
        requireTls: false,
        allow: [{ pattern: '^https?://[a-z0-9.-]+/' }, { prefix: 'http://[fd00::1]/' }],
      }),
      resolver: async () => [{ address: '127.0.0.1', family: 4 }],
    });
    expect(await failureOf(origin, url)).toMatchObject({ code: 'not_allowed' });
    expect(proxy.asked).toEqual([]);
  });

  test('a redirect to such an address', async () => {
    await using server = await serveHttp((_, response) =>
      response.writeHead(302, { location: 'http://10.0.0.1/' }).end(),
    );
    await using proxy = await serveProxy();
    await using origin = behind(proxy, {
      policy: createSourcePolicy({
        requireTls: false,
        allow: [{ pattern: '^http://[a-z0-9.-]+(?::[0-9]+)?/' }],
      }),
    });
    expect(await failureOf(origin, `http://origin.test:${server.port}/`)).toMatchObject({
      code: 'not_allowed',
    });
    expect(proxy.asked).toHaveLength(1);
  });
});

describe('the error for a failing proxy names the proxy, without its address and credentials:', () => {
  const named = (message: string): object => ({
    code: 'origin_unreachable',
    retryable: true,
    message: expect.stringContaining(message) as string,
  });

  test.each(['http', 'https'])('if it refuses connections, for %s', async (scheme) => {
    const closed = await listen(createTcp());
    const { port } = closed;
    await closed[Symbol.asyncDispose]();
    await using origin = behind(`http://user:secret@127.0.0.1:${port}`);
    const failure = await failureOf(origin, `${scheme}://origin.test/`);
    expect(failure).toMatchObject(
      named(
        'origin.test cannot be reached: the proxy of the mirror cannot be reached (it refused the connection)',
      ),
    );
    expect(causeChain(failure).map(codeOf)).toContain('ECONNREFUSED');
    const texts = causeChain(failure).map(({ message, stack }) => `${message} ${stack}`);
    expect(texts.join()).not.toContain('secret');
    expect(failure.message).not.toContain('127.0.0.1');
  });

  test.each<[number, string]>([
    [407, 'the proxy of the mirror requires credentials, or different ones (407)'],
    [403, 'the proxy of the mirror refuses this host (403)'],
    [504, 'the proxy of the mirror cannot reach the host (504)'],
    [302, 'the proxy of the mirror opened no connection to the host (302)'],
  ])('if it answers CONNECT with %i', async (status, message) => {
    await using proxy = await serveProxy({ status });
    await using origin = behind(proxy);
    expect(await failureOf(origin, 'https://origin.test/')).toMatchObject(named(message));
  });

  test.each<[number, Record<string, string>, string]>([
    [407, {}, 'requires credentials, or different ones (407)'],
    [503, { 'x-squid-error': 'ERR_CONNECT_FAIL 111' }, 'cannot reach the host (503)'],
    [502, { 'proxy-status': 'p; error=dns_error' }, 'cannot reach the host (502)'],
    [403, { 'x-squid-error': 'ERR_ACCESS_DENIED 0' }, 'refuses this host (403)'],
  ])('if it answers a request in absolute form with %i %j', async (status, headers, message) => {
    await using proxy = await serveProxy({ status, headers });
    await using origin = behind(proxy);
    expect(await failureOf(origin, 'http://origin.test/')).toMatchObject(named(message));
  });

  test('if it closes the connection', async () => {
    await using proxy = await serveRaw((socket) => socket.end());
    await using origin = behind(proxy);
    expect(await failureOf(origin, 'https://origin.test/')).toMatchObject(
      named('the proxy of the mirror broke the connection'),
    );
  });

  test('if it never answers', async () => {
    await using proxy = await serveRaw(() => undefined);
    await using origin = behind(proxy, { timeouts: { ...LONG, connectSeconds: 0.5, firstByteSeconds: 0.5 } });
    expect(await failureOf(origin, 'https://origin.test/')).toMatchObject(
      named('the proxy of the mirror gave no connection within 0.5 s'),
    );
    expect(await failureOf(origin, 'http://origin.test/')).toMatchObject(
      named('no answer through the proxy of the mirror within 0.5 s'),
    );
  });

  test('if its certificate is not trusted', async () => {
    await using proxy = await serveProxy(undefined, true);
    await using origin = behind(`https://127.0.0.1:${proxy.port}`, { ca: undefined });
    const failure = await failureOf(origin, 'https://origin.test/');
    expect(failure).toMatchObject(
      named('the proxy of the mirror cannot be reached (its certificate comes from an authority'),
    );
  });
});

test('aborting a call closes its tunnel', async () => {
  const closed: Promise<unknown>[] = [];
  const open = new Set<unknown>();
  const arrived = Promise.withResolvers<void>();
  await using proxy = await serveRaw((socket) => {
    open.add(socket);
    closed.push(once(socket, 'close').then(() => open.delete(socket)));
    arrived.resolve();
  });
  await using origin = behind(proxy);
  const caller = new AbortController();
  const opening = origin.open(new URL('https://origin.test/'), { signal: caller.signal });
  await arrived.promise;
  caller.abort(new Error('gone'));
  await expect(opening).rejects.toThrow('gone');
  // The call ends before the attempt to connect does.
  expect(open.size).toBe(1);
  await origin[Symbol.asyncDispose]();
  await Promise.all(closed);
});
