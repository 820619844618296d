import { createHash } from 'node:crypto';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { RateLimiter } from '@cloud-mirror/http-service';
import { json, ORIGIN_URL, redirectPath, startFrontend } from './support/frontend-under-test.ts';
import { rawRequest } from './support/raw-request.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe('X-Request-Id', () => {
  test.each([
    'abc',
    '01J8Z3',
    '7f0c9c1e-2f1b-4c58-9c55-0b4a4b8a9e0f',
    'Root=1-67891233-abcdef012345678912345678',
  ])('%s is kept', async (requestId) => {
    await using frontend = await startFrontend();
    for (const path of ['/livez', '/nothing', redirectPath(ORIGIN_URL)]) {
      const response = await frontend.fetch(path, { headers: { 'X-Request-Id': requestId } });
      expect(response.headers.get('x-request-id')).toBe(requestId);
    }
  });

  test.each(['', 'a b', 'x'.repeat(129), '"quoted"', 'a,b', '<script>', 'é'])(
    '%j is replaced',
    async (requestId) => {
      await using frontend = await startFrontend();
      const response = await frontend.fetch('/nothing', { headers: { 'X-Request-Id': requestId } });
      expect(response.headers.get('x-request-id')).toMatch(UUID);
      expect(await json(response)).toMatchObject({ requestId: response.headers.get('x-request-id') });
    },
  );
});

describe('malformed input', () => {
  test.each([
    ['garbage', 'hello\r\n\r\n', 400, 'malformed_request'],
    ['a bad header', 'GET / HTTP/1.1\r\nHost: localhost\r\nBad Header\r\n\r\n', 400, 'malformed_request'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
      'malformed_request',
    ],
    [
      'headers without end',
      `GET / HTTP/1.1\r\nHost: localhost\r\n${`X: ${'y'.repeat(1000)}\r\n`.repeat(300)}\r\n`,
      431,
      'headers_too_large',
    ],
    [
      'a path without end',
      `GET /v1/redirect/s3/us-west-1/${'y'.repeat(300_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      414,
      'url_too_long',
    ],
    ['a tunnel', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n', 405, 'method_not_allowed'],
  ])('%s', async (_name, bytes, status, code) => {
    await using frontend = await startFrontend();
    const answer = await rawRequest(frontend.address, bytes);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.headers['x-request-id']).toMatch(UUID);
    expect(answer.headers['connection']).toBe('close');
    expect(JSON.parse(answer.body)).toMatchObject({
      status,
      code,
      requestId: answer.headers['x-request-id'],
    });
  });

  test.each([
    ['HTTP/1.1', 400],
    ['HTTP/1.0', 200],
  ])('without Host in %s is a %i', async (version, status) => {
    await using frontend = await startFrontend();
    const answer = await rawRequest(frontend.address, `GET /livez ${version}\r\nConnection: close\r\n\r\n`);
    expect(answer.status).toBe(status);
    expect(answer.headers['x-request-id']).toMatch(UUID);
    if (status === 400) expect(JSON.parse(answer.body)).toMatchObject({ code: 'host_missing' });
  });

  test('an unknown expectation is ignored', async () => {
    await using frontend = await startFrontend();
    const answer = await rawRequest(
      frontend.address,
      'GET /livez HTTP/1.1\r\nHost: localhost\r\nExpect: miracles\r\nConnection: close\r\n\r\n',
    );
    expect(answer.status).toBe(200);
    expect(answer.headers['x-request-id']).toMatch(UUID);
  });
});

test('a reset connection does not affect others', async () => {
  await using frontend = await startFrontend();
  const { hostname, port } = new URL(frontend.address);
  const socket = connect(Number(port), hostname);
  socket.write('GET /v1/pi');
  await once(socket, 'ready');
  socket.resetAndDestroy();
  await once(socket, 'close');
  expect((await frontend.fetch('/livez')).status).toBe(200);
});

describe('drain', () => {
  test('answers requests in progress, closes their connections, and accepts no new ones', async () => {
    const frontend = await startFrontend();
    const asked = Promise.withResolvers<void>();
    const copied = Promise.withResolvers<void>();
    frontend.cacheManager.decide = async () => {
      asked.resolve();
      await copied.promise;
      return {
        kind: 'present',
        location: ORIGIN_URL,
        access: 'public',
        how: 'stored',
        collapsed: false,
        sha256: null,
      };
    };
    const waiting = frontend.fetch(redirectPath(ORIGIN_URL));
    await asked.promise;
    const drained = frontend.frontend.drain();
    copied.resolve();
    const response = await waiting;
    expect(response.status).toBe(302);
    expect(response.headers.get('connection')).toBe('close');
    await drained;
    await expect(frontend.fetch('/livez')).rejects.toThrow();
  });

  test('answers /readyz with 503 on remaining connections', async () => {
    const frontend = await startFrontend();
    const { hostname, port } = new URL(frontend.address);
    const probe = connect(Number(port), hostname);
    let received = '';
    probe.on('data', (chunk: Buffer) => (received += chunk.toString()));
    await once(probe, 'ready');
    // Connections are accepted in order: when this one is answered, the probe's connection is open.
    await (await frontend.fetch('/livez')).text();
    const drained = frontend.frontend.drain();
    probe.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(probe, 'close');
    await drained;
    expect(received).toMatch(/^HTTP\/1\.1 503 /);
    expect(received).toMatch(/^connection: close/im);
    expect(received).toContain('"code":"draining"');
  });

  test('does not wait for connections without a request', async () => {
    const frontend = await startFrontend({ server: { drainSeconds: 3600 } });
    const { hostname, port } = new URL(frontend.address);
    const silent = connect(Number(port), hostname);
    await once(silent, 'ready');
    await (await frontend.fetch('/livez')).text();
    await Promise.all([once(silent, 'close'), frontend.frontend.drain()]);
  });

  test('closes connections whose requests take longer than drainSeconds', async () => {
    const frontend = await startFrontend({ server: { drainSeconds: 1 } });
    const asked = Promise.withResolvers<void>();
    frontend.cacheManager.decide = () => {
      asked.resolve();
      return new Promise(() => undefined);
    };
    const stuck = frontend.fetch(redirectPath(ORIGIN_URL));
    const rejected = expect(stuck).rejects.toThrow();
    await asked.promise;
    await frontend.frontend.drain();
    await rejected;
  });
});

test('a connection is kept alive for keepAliveSeconds', async () => {
  await using frontend = await startFrontend({ server: { keepAliveSeconds: 61 } });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number | undefined>();
  for (let round = 0; round < 3; round += 1) {
    const asked = request(`${frontend.address}/livez`, { agent }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    ports.add(response.socket.localPort);
    expect(response.headers['keep-alive']).toBe('timeout=61');
    for await (const _chunk of response);
  }
  agent.destroy();
  expect(ports.size).toBe(1);
});

describe('the rate limit', () => {
  test('is off by default', async () => {
    await using frontend = await startFrontend();
    for (let round = 0; round < 20; round += 1)
      expect((await frontend.fetch(redirectPath(ORIGIN_URL))).status).toBe(302);
  });

  test('answers 429 with Retry-After, but never for probes', async () => {
    await using frontend = await startFrontend({
      server: { rateLimit: { requestsPerSecond: 0.01, burst: 2 } },
    });
    expect((await frontend.fetch('/v1/backends')).status).toBe(200);
    expect((await frontend.fetch('/v1/backends')).status).toBe(200);
    const response = await frontend.fetch('/v1/backends');
    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(1);
    expect(await json(response)).toMatchObject({ code: 'too_many_requests' });
    expect((await frontend.fetch('/livez')).status).toBe(200);
  });

  const limit = { rateLimit: { requestsPerSecond: 0.01, burst: 1 } };
  const as = (address: string) => ({ headers: { 'X-Forwarded-For': address } });

  test('distinguishes clients behind a trusted proxy', async () => {
    await using frontend = await startFrontend({ server: { ...limit, trustedProxies: ['127.0.0.0/8'] } });
    expect((await frontend.fetch('/', as('192.0.2.1'))).status).toBe(200);
    expect((await frontend.fetch('/', as('192.0.2.2'))).status).toBe(200);
    expect((await frontend.fetch('/', as('192.0.2.1'))).status).toBe(429);
    // Entries before the proxy's come from the client and are ignored.
    expect((await frontend.fetch('/', as('203.0.113.9, 192.0.2.1'))).status).toBe(429);
  });

  test('ignores X-Forwarded-For from an untrusted address', async () => {
    await using frontend = await startFrontend({ server: limit });
    expect((await frontend.fetch('/', as('192.0.2.1'))).status).toBe(200);
    expect((await frontend.fetch('/', as('192.0.2.2'))).status).toBe(429);
  });

  test('refills over time up to the burst, and remembers the clients that ask most', () => {
    const limiter = new RateLimiter({ requestsPerSecond: 2, burst: 2 }, 1_000);
    expect([limiter.take('a', 0), limiter.take('a', 0), limiter.take('a', 0)]).toEqual([0, 0, 0.5]);
    expect(limiter.take('a', 250)).toBe(0.25);
    expect(limiter.take('a', 500)).toBe(0);
    expect([limiter.take('a', 60_000), limiter.take('a', 60_000), limiter.take('a', 60_000)]).toEqual([
      0, 0, 0.5,
    ]);
    for (let client = 0; client < 100; client += 1) limiter.take(String(client), 60_000);
    expect(limiter.clients).toBeLessThan(5);
    // A client that asks often is not forgotten, and so does not get a full bucket again.
    expect(limiter.take('a', 60_000)).toBe(0.5);
  });
});

test('the identity of an object does not depend on the client', async () => {
  await using frontend = await startFrontend();
  await frontend.fetch(redirectPath(ORIGIN_URL));
  await expect
    .poll(() => frontend.log.find(({ msg }) => msg === 'request'))
    .toMatchObject({
      sha256: createHash('sha256').update(ORIGIN_URL).digest('hex'),
    });
});
