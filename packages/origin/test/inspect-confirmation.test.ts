import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { createSourcePolicy, type SourceRule } from '../src/source-policy.ts';
import { LONG, localOrigin, serveHttp, serveRaw } from './support/local-origin.ts';

const OBJECT = { 'content-range': 'bytes 0-0/5000', 'content-length': '1' };
const RETRY = { 'retry-after': '37' };

type Answer = readonly [status: number, headers?: Record<string, string | string[]>];

function error(code: string, more: object = {}): Error {
  return expect.objectContaining({ name: 'OriginError', code, ...more }) as Error;
}

/** Answers a HEAD with `head` and a GET with `get`. Records the methods. */
function answering(head: Answer, get: Answer) {
  const asked: string[] = [];
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const isHead = request.method === 'HEAD';
    asked.push(isHead ? 'HEAD' : `GET ${request.headers.range ?? 'whole'}`);
    const [status, headers = {}] = isHead ? head : get;
    response.writeHead(status, headers).end(!isHead && status === 206 ? 'a' : '');
  };
  return { asked, listener };
}

const BOTH = ['HEAD', 'GET bytes=0-0'];

function url(port: number, path = '/object'): URL {
  return new URL(`http://127.0.0.1:${port}${path}`);
}

function withRule(port: number, rule: Partial<SourceRule>) {
  const prefix = `http://127.0.0.1:${port}/`;
  return createSourcePolicy({
    requireTls: false,
    allow: [{ prefix, privateAddresses: true, ...rule } as SourceRule],
  });
}

describe('a HEAD without a plain success is followed by a GET of the first byte', () => {
  test.each<[number, Record<string, string | string[]>?]>([
    [400],
    [401],
    [403],
    [404],
    [405],
    [406],
    [408],
    [410],
    [418],
    [429],
    [429, { 'retry-after': '0' }],
    [429, { 'retry-after': 'soon' }],
    [429, { 'retry-after': 'Thu, 15 Jan 2015 12:00:00 GMT' }],
    [500, RETRY],
    [501],
    [502],
    [503],
    [599],
    [201],
    [202],
    [203],
    [204],
    [205],
    [206, { 'content-range': 'bytes 0-4/5' }],
    [226],
    [300],
    [304],
    [399],
    [302, { location: '/object' }],
    [302],
    [302, { location: 'http://169.254.169.254/' }],
    [302, { location: 'gopher://127.0.0.1/' }],
    [200, { vary: 'Accept' }],
    [200, { 'cache-control': 'no-store' }],
    [200, { 'set-cookie': ['a=1'] }],
    [200, { 'transfer-encoding': 'gzip, chunked' }],
  ])('HEAD %i %j, GET 206: the object exists', async (status, headers = {}) => {
    const { asked, listener } = answering([status, headers], [206, OBJECT]);
    await using server = await serveHttp(listener);
    await using origin = localOrigin({ policy: withRule(server.port, {}) });
    expect(await origin.inspect(url(server.port))).toMatchObject({ sizeBytes: 5000 });
    expect(asked).toEqual(BOTH);
  });

  test.each<[Answer, Answer, string, object]>([
    [[404], [404], 'origin_status', { status: 404, retryable: false }],
    [[404], [410], 'origin_status', { status: 410 }],
    [[500], [404], 'origin_status', { status: 404 }],
    [[204], [503], 'origin_status', { status: 503, retryAfterSeconds: null }],
    [[405], [429, RETRY], 'origin_status', { status: 429, retryAfterSeconds: 37 }],
    [[404], [204], 'not_copyable', { status: null }],
    [[404], [201, { 'content-length': '0' }], 'not_copyable', {}],
    [[300], [300], 'not_copyable', {}],
    [[304], [304], 'not_copyable', {}],
    [[302, { location: '/object' }], [302, { location: '/object' }], 'origin_redirects', {}],
    [[302], [302], 'origin_redirects', {}],
    [[404], [302, { location: 'http://10.0.0.1/' }], 'not_allowed', {}],
    [[200, { vary: '*' }], [206, { ...OBJECT, vary: '*' }], 'not_shareable', {}],
    [[405], [206, { ...OBJECT, 'cache-control': 'private' }], 'not_shareable', {}],
    [[405], [206, { 'content-range': 'bytes 0-0/99000000', 'content-length': '1' }], 'too_large', {}],
  ])('HEAD %j, GET %j: %s', async (head, get, code, more) => {
    const { asked, listener } = answering(head, get);
    await using server = await serveHttp(listener);
    await using origin = localOrigin({ policy: withRule(server.port, {}) });
    await expect(origin.inspect(url(server.port))).rejects.toThrow(error(code, more));
    expect(asked).toEqual(BOTH);
  });

  test.each<[string, Answer, string]>([
    ['429 with Retry-After', [429, RETRY], 'origin_status'],
    ['503 with Retry-After', [503, RETRY], 'origin_status'],
    ['an object that is too large', [200, { 'content-length': '99000000' }], 'too_large'],
  ])('but not after %s', async (_, head, code) => {
    const { asked, listener } = answering(head, [206, OBJECT]);
    await using server = await serveHttp(listener);
    await using origin = localOrigin();
    await expect(origin.inspect(url(server.port))).rejects.toThrow(error(code));
    expect(asked).toEqual(['HEAD']);
  });

  test('if its connection is reset', async () => {
    const asked: string[] = [];
    await using server = await serveRaw((socket, head) => {
      asked.push(head.split(' ', 1)[0] ?? '');
      if (head.startsWith('HEAD')) socket.resetAndDestroy();
      else socket.end(`HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-0/5000\r\nContent-Length: 1\r\n\r\na`);
    });
    await using origin = localOrigin();
    expect(await origin.inspect(url(server.port))).toMatchObject({ sizeBytes: 5000 });
    expect(asked.at(-1)).toBe('GET');
  });

  test('if its answer is not HTTP', async () => {
    await using server = await serveRaw((socket, head) => {
      if (head.startsWith('HEAD')) socket.end('nonsense\r\n\r\n');
      else socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`);
    });
    await using origin = localOrigin();
    expect(await origin.inspect(url(server.port))).toMatchObject({ sizeBytes: 2 });
  });

  test('if it is never answered, long before firstByteSeconds', async () => {
    const { asked, listener } = answering([404], [206, OBJECT]);
    await using server = await serveHttp((request, response) => {
      if (request.method === 'HEAD') asked.push('HEAD');
      else listener(request, response);
    });
    // Longer than the test's own time limit, so the test fails if the HEAD waits for firstByteSeconds.
    const timeouts = { ...LONG, firstByteSeconds: 3000, totalSeconds: 3000 };
    await using origin = localOrigin({ timeouts });
    expect(await origin.inspect(url(server.port))).toMatchObject({ sizeBytes: 5000 });
    expect(asked).toEqual(BOTH);
  });

  test('but not if no connection can be made', async () => {
    await using origin = localOrigin();
    const attempts: string[] = [];
    await using counting = localOrigin({
      resolver: async (host) => {
        attempts.push(host);
        return [];
      },
    });
    await expect(origin.inspect(url(9))).rejects.toThrow(error('origin_unreachable'));
    await expect(counting.inspect(new URL('http://nowhere.test/'))).rejects.toThrow(
      error('origin_unreachable'),
    );
    expect(attempts).toEqual(['nowhere.test']);
  });
});

describe('a refusal that may concern the mirror only', () => {
  const REFUSED: readonly [number, boolean][] = [
    [401, false],
    [403, false],
    [429, true],
  ];

  test.each(REFUSED)('with %i is handled as the rule’s onRefusal says', async (status, retryable) => {
    const { listener } = answering([status], [status, RETRY]);
    await using server = await serveHttp(listener);
    await using passing = localOrigin({ policy: withRule(server.port, { onRefusal: 'pass' }) });
    await using leaving = localOrigin({ policy: withRule(server.port, { onRefusal: 'origin' }) });
    const pass = error('origin_status', { status, retryable });
    const leave = error('origin_refused', {
      status: null,
      retryable,
      retryAfterSeconds: status === 429 ? 37 : null,
    });
    for (const method of ['inspect', 'open'] as const) {
      await expect(passing[method](url(server.port))).rejects.toThrow(pass);
      await expect(leaving[method](url(server.port))).rejects.toThrow(leave);
    }
  });

  test.each([400, 404, 410, 451, 500, 503])(
    'does not include %i, which is always passed on',
    async (status) => {
      const { listener } = answering([status], [status]);
      await using server = await serveHttp(listener);
      await using origin = localOrigin({ policy: withRule(server.port, { onRefusal: 'origin' }) });
      await expect(origin.open(url(server.port))).rejects.toThrow(error('origin_status', { status }));
    },
  );

  /** `/object` sets a cookie and redirects to `/next`, which answers with `status` and `headers`. */
  const behindCookie =
    (status: number, headers: Record<string, string> = {}) =>
    (request: IncomingMessage, response: ServerResponse): void => {
      if (request.url === '/object')
        response.writeHead(302, { location: '/next', 'set-cookie': 'session=1' }).end();
      else response.writeHead(status, headers).end(status === 200 ? 'ok' : '');
    };

  test.each<[number, Record<string, string>?]>([
    [400],
    [401],
    [403],
    [406],
    [429],
    [451],
    [302, { location: '/object' }],
    [302, { location: '/next' }],
    [302],
  ])('with %i %j after a redirect that set a cookie is cookie_required', async (status, headers = {}) => {
    await using server = await serveHttp(behindCookie(status, headers));
    await using origin = localOrigin();
    for (const method of ['inspect', 'open'] as const)
      await expect(origin[method](url(server.port))).rejects.toThrow(error('cookie_required'));
  });

  test.each([404, 410, 500, 503])('does not include %i after a redirect with a cookie', async (status) => {
    await using server = await serveHttp(behindCookie(status));
    await using origin = localOrigin();
    for (const method of ['inspect', 'open'] as const)
      await expect(origin[method](url(server.port))).rejects.toThrow(error('origin_status', { status }));
  });

  test('by a redirect loop is cookie_required if the loop sets a cookie, else origin_redirects', async () => {
    await using server = await serveHttp((request, response) => {
      const cookie = request.url === '/walled' ? { 'set-cookie': 'session=1' } : {};
      response.writeHead(302, { location: request.url, ...cookie }).end();
    });
    await using origin = localOrigin();
    await expect(origin.open(url(server.port, '/walled'))).rejects.toThrow(error('cookie_required'));
    await expect(origin.open(url(server.port, '/circle'))).rejects.toThrow(error('origin_redirects'));
  });

  test('is not_allowed for a redirect with a cookie to a target that is not allowed', async () => {
    await using server = await serveHttp((_, response) => {
      response.writeHead(302, { location: 'http://10.0.0.1/', 'set-cookie': 'a=1' }).end();
    });
    await using origin = localOrigin({ policy: withRule(server.port, {}) });
    await expect(origin.open(url(server.port))).rejects.toThrow(error('not_allowed'));
  });

  test('does not follow from cookies and no-store on redirects, if the object arrives', async () => {
    await using server = await serveHttp((request, response) => {
      const { pathname } = new URL(request.url ?? '', 'http://origin.invalid');
      if (pathname === '/object')
        response
          .writeHead(302, { location: '/next', 'set-cookie': 'a=1', 'cache-control': 'no-store', vary: '*' })
          .end();
      else response.writeHead(200, { 'content-length': 2 }).end('ok');
    });
    await using origin = localOrigin();
    expect(await origin.inspect(url(server.port))).toMatchObject({ sizeBytes: 2, hops: 1 });
    await using object = await origin.open(url(server.port));
    expect(object.sizeBytes).toBe(2);
  });
});
