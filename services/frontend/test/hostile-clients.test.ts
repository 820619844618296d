import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { clientNetwork, maxConnections, OpenConnections } from '@cloud-mirror/http-service';
import { rawRequest } from './support/raw-request.ts';
import {
  base64url,
  bearer,
  json,
  ORIGIN_URL,
  redirectPath,
  startFrontend,
  TOKENS,
} from './support/frontend-under-test.ts';

describe('a hostile request', () => {
  test('with too many headers is a 431', async () => {
    await using frontend = await startFrontend();
    const headers = Array.from({ length: 300 }, (_, index) => `x-${index}: 1\r\n`).join('');
    const answer = await rawRequest(
      frontend.address,
      `GET /livez HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`,
    );
    expect(answer.status).toBe(431);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'headers_too_large' });
  });

  test('with a large body is a 413 before the body is sent', async () => {
    await using frontend = await startFrontend();
    const answer = await rawRequest(
      frontend.address,
      `DELETE /v1/cache HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\nbegin`,
    );
    expect(answer.status).toBe(413);
    expect(answer.headers).toMatchObject({ connection: 'close', 'content-type': 'application/problem+json' });
  });

  test('with an endless body is answered, and its connection is closed', async () => {
    await using frontend = await startFrontend();
    const answer = await rawRequest(
      frontend.address,
      'GET /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n',
    );
    expect(answer).toMatchObject({ status: 200, headers: { connection: 'close' } });
  });

  test('with a small body is answered as if it had none, and so is the next request', async () => {
    await using frontend = await startFrontend();
    const answer = await rawRequest(
      frontend.address,
      'GET /v1/none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhelloGET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    expect(answer.status).toBe(404);
    expect(answer.body).toContain('HTTP/1.1 200 OK');
  });

  test.each(['hello', '\0'.repeat(100_000), 'GET / HTTP/9\r\n\r\n'])(
    'followed by malformed data is answered, and its connection is closed',
    async (suffix) => {
      await using frontend = await startFrontend();
      const slow = Promise.withResolvers<void>();
      frontend.cacheManager.decide = async ({ url }) => {
        await slow.promise;
        return {
          kind: 'present',
          location: url.href,
          access: 'public',
          how: 'hit',
          collapsed: false,
          sha256: null,
        };
      };
      const asking = rawRequest(
        frontend.address,
        `GET ${redirectPath(ORIGIN_URL)} HTTP/1.1\r\nHost: localhost\r\n\r\n${suffix}`,
      );
      await expect.poll(() => frontend.cacheManager.requests.length).toBe(1);
      slow.resolve();
      expect(await asking).toMatchObject({
        status: 302,
        headers: { location: ORIGIN_URL, connection: 'close' },
      });
    },
  );

  test.each([
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n'],
    ['a length and a transfer coding', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'],
    ['an unknown transfer coding', 'Transfer-Encoding: chunked, identity\r\n'],
    ['a folded header', 'X-One: a\r\n b\r\n'],
    ['a space before the colon', 'X-One : a\r\n'],
    ['a control character', 'X-One: a\u0001b\r\n'],
  ])('with %s is a 400', async (_, headers) => {
    await using frontend = await startFrontend();
    const answer = await rawRequest(
      frontend.address,
      `GET /livez HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n0\r\n\r\n`,
    );
    expect(answer.status).toBe(400);
    expect(answer.headers).toMatchObject({ connection: 'close', 'x-content-type-options': 'nosniff' });
  });
});

describe('connections without a request', () => {
  test('are closed if others need their place', async () => {
    const server = createServer((_, response) => response.end('answer'));
    server.maxConnections = 5;
    const _connections = new OpenConnections(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const silent: Socket[] = [];
    for (let count = 0; count < 5; count += 1) {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      await once(socket, 'connect');
      if (count > 0) socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n');
      silent.push(socket);
    }
    await expect
      .poll(() => rawRequest(`http://127.0.0.1:${port}`, 'GET / HTTP/1.0\r\n\r\n'), { timeout: 20_000 })
      .toMatchObject({ status: 200 });
    // Only the oldest one is closed, which is enough.
    expect(silent.map(({ destroyed }) => destroyed)).toEqual([true, false, false, false, false]);
    for (const socket of silent) socket.destroy();
    server.close();
    await once(server, 'close');
  });

  test('are limited by maxWaiting and by the open-files limit', () => {
    expect(maxConnections(100)).toBeGreaterThan(100);
    expect(maxConnections(10_000_000)).toBeLessThanOrEqual(10_020_000);
  });
});

describe('the client of a budget', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:c000:0201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['0000:0000:0000:0000:0000:FFFF:C000:0201', '192.0.2.1'],
    ['::ffff:192.0.2.1%eth0', '192.0.2.1'],
    // Only the mapped form is an IPv4 address: the others are routed as IPv6.
    ['::192.0.2.1', '0:0:0:0'],
    ['::fffe:192.0.2.1', '0:0:0:0'],
    ['2002:c000:201::1', '2002:c000:201:0'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::6', '2001:db8:1:2'],
    ['2001:0DB8:1:2:ffff::', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['', ''],
  ])('%s belongs to the network %s', (address, expected) => {
    expect(clientNetwork(address)).toBe(expected);
  });

  const limit = { rateLimit: { requestsPerSecond: 0.01, burst: 1 }, trustedProxies: ['127.0.0.1'] };
  const as = (address: string) => ({ headers: { 'X-Forwarded-For': address } });

  test.each([
    ['2001:db8::1', '2001:db8::ffff:2'],
    ['192.0.2.1:1000', '192.0.2.1:1001'],
    ['[2001:db8::1]:1000', '2001:db8::2'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:443', '192.0.2.1:80'],
    ['2001:db8:0:0:a:b:c:d', '2001:DB8::'],
    ['unknown', 'made up, another'],
    ['x'.repeat(10_000), 'y'.repeat(10_000)],
  ])('is the same for %s and %s', async (first, second) => {
    await using frontend = await startFrontend({ server: limit });
    expect((await frontend.fetch('/', as(first))).status).toBe(200);
    expect((await frontend.fetch('/', as(second))).status).toBe(429);
  });
});

test.each([
  ['::ffff:192.0.2.1', '::ffff:192.0.2.2'],
  ['::ffff:c000:201', '::ffff:c000:202'],
  ['2001:db8:0:1::1', '2001:db8:0:2::1'],
])('%s and %s have a budget each', async (first, second) => {
  const server = { rateLimit: { requestsPerSecond: 0.01, burst: 1 }, trustedProxies: ['127.0.0.1'] };
  await using frontend = await startFrontend({ server });
  for (const address of [first, second])
    expect((await frontend.fetch('/', { headers: { 'X-Forwarded-For': address } })).status).toBe(200);
});

describe('a response that a browser may render', () => {
  test.each([
    '/',
    '/livez',
    '/metrics',
    '/v1/ping',
    '/v1/backends',
    '/v1/openapi.json',
    '/v1/none',
    '/v1/cache',
    '/v1/redirect/s3/us-west-1/%',
    `/v1/status/s3/us-west-1/${base64url(ORIGIN_URL)}`,
  ])('from %s forbids sniffing, framing and scripts', async (path) => {
    await using frontend = await startFrontend();
    const { headers } = await frontend.fetch(path);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(headers.get('referrer-policy')).toBe('no-referrer');
  });
});

describe('the mirror never reflects', () => {
  test.each(['a b', 'a\tb', 'é', '<script>', 'a"b', 'x'.repeat(129), '{"level":"fatal"}'])(
    'the request identifier %j',
    async (identifier) => {
      await using frontend = await startFrontend();
      const answer = await rawRequest(
        frontend.address,
        `GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: ${identifier}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  test('invented names that are longer than valid ones', async () => {
    await using frontend = await startFrontend();
    const name = 'n'.repeat(5000);
    for (const path of [
      `/v1/redirect/${name}/${name}/${base64url(ORIGIN_URL)}`,
      `/v1/objects/${name}/${name}/x`,
    ])
      expect((await frontend.fetch(path)).headers.get('location') ?? '').not.toContain(name);
    const operator = { method: 'DELETE', ...bearer(TOKENS.all) };
    expect((await frontend.fetch(`/v1/cache/${name}/${name}`, operator)).status).toBe(404);
    expect((await frontend.fetch(`/v1/queue/${name}/${name}`, operator)).status).toBe(404);
    await expect.poll(() => frontend.log.filter(({ msg }) => msg === 'request')).toHaveLength(4);
    for (const line of frontend.log) expect(JSON.stringify(line).length).toBeLessThan(1500);
  });

  test('tokens, signed queries or credentials in logs, responses or metrics', async () => {
    await using frontend = await startFrontend();
    const secret = 'S3cr3tS3cr3t';
    const urls = [
      `https://user:${secret}@artifacts.example.com/x`,
      `https://artifacts.example.com/x?X-Amz-Signature=${secret}`,
      `https://artifacts.example.com/x?q=${secret}`,
    ];
    const shown: string[] = [];
    const call = async (path: string, init: RequestInit = {}) => {
      const response = await frontend.fetch(path, init);
      if (response.status !== 302) shown.push(await response.text(), JSON.stringify([...response.headers]));
    };
    for (const url of urls) {
      const object = `s3/us-west-1/${base64url(url)}`;
      for (const authorization of [`Bearer ${secret}`, `Basic ${secret}`, secret]) {
        const headers = { Authorization: authorization, Cookie: `session=${secret}` };
        await call(`/v1/redirect/${object}`, { headers });
        await call(`/v1/purge/${object}`, { method: 'DELETE', headers });
        await call(`/v1/status/${object}?token=${secret}`, { headers });
        await call(`/v1/none?token=${secret}`, { headers });
      }
      await call(`/v1/purge/${object}`, { method: 'DELETE', ...bearer(TOKENS.all) });
    }
    await call('/metrics');
    expect(shown.join('\n')).not.toContain(secret);
    const log = JSON.stringify(frontend.log);
    expect(log).not.toContain(secret);
    expect(log).not.toContain(TOKENS.all);
  });
});

test('operators’ calls are logged at every log level', async () => {
  await using frontend = await startFrontend({ logLevel: 'error' });
  const path = `/v1/purge/s3/us-west-1/${base64url(ORIGIN_URL)}`;
  expect((await frontend.fetch(path, { method: 'DELETE', ...bearer(TOKENS.all) })).status).toBe(204);
  expect((await frontend.fetch(path, { method: 'DELETE', ...bearer(TOKENS.readOnly) })).status).toBe(403);
  const refused = await frontend.fetch(path, { method: 'DELETE', ...bearer('another') });
  expect(await json(refused)).toMatchObject({ code: 'token_unknown' });
  await frontend.fetch(redirectPath(ORIGIN_URL));
  const what = { audit: true, call: 'purge', scope: 'purge', service: 's3', region: 'us-west-1' };
  expect(frontend.log).toMatchObject([
    { ...what, event: 'begun', operator: 'oncall', host: 'artifacts.example.com' },
    {
      ...what,
      event: 'ended',
      operator: 'oncall',
      status: 204,
      result: 'done',
      host: 'artifacts.example.com',
    },
    { audit: true, call: 'purge', operator: 'reader', status: 403, result: 'insufficient_scope' },
    { audit: true, call: 'purge', operator: null, status: 401, result: 'token_unknown' },
  ]);
});
