import { createServer, get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { Counter, Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '@cloud-mirror/program';
import { startHealthServer, type ProcessHealth } from '../src/health-server.ts';

let health: ProcessHealth;
let server: Awaited<ReturnType<typeof startHealthServer>>;
const registry = new Registry();
const logger = createLogger({ level: 'silent', program: 'test', version: '0' });
new Counter({ name: 'cloud_mirror_test_total', help: 'a counter', registers: [registry] }).inc();

beforeEach(async () => {
  health = { status: 'ok', failing: [] };
  server = await startHealthServer(
    { host: '127.0.0.1', port: 0 },
    { health: () => health, registry, logger },
  );
});
afterEach(() => server[Symbol.asyncDispose]());

describe('the health server of a copier', () => {
  test('answers /livez with 200 even if parts fail', async () => {
    health = { status: 'degraded', failing: ['queue local/here'] };
    expect((await fetch(`${server.address}/livez`)).status).toBe(200);
  });

  test.each([
    [{ status: 'ok', failing: [] }, 200],
    [{ status: 'degraded', failing: ['queue local/here'] }, 200],
    [{ status: 'draining', failing: [] }, 503],
  ] as const)('answers /readyz with %j as %d', async (now, status) => {
    health = now;
    const response = await fetch(`${server.address}/readyz?verbose`);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual(now);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  test('answers /metrics in the Prometheus format', async () => {
    const response = await fetch(`${server.address}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain');
    expect(await response.text()).toContain('cloud_mirror_test_total 1');
  });

  test('answers HEAD like GET, without a body', async () => {
    const response = await fetch(`${server.address}/readyz`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('');
  });

  test('answers other methods with 405 and Allow, and other paths with 404', async () => {
    const posted = await fetch(`${server.address}/livez`, { method: 'POST' });
    expect(posted.status).toBe(405);
    expect(posted.headers.get('allow')).toBe('GET, HEAD');
    expect((await fetch(`${server.address}/v1/redirect`)).status).toBe(404);
  });

  test('closes the connection if the metrics fail, and keeps running', async () => {
    const broken = { contentType: 'text/plain', metrics: () => Promise.reject(new Error('a defect')) };
    await using other = await startHealthServer(
      { host: '127.0.0.1', port: 0 },
      { health: () => health, registry: broken as unknown as Registry, logger },
    );
    await expect(fetch(`${other.address}/metrics`)).rejects.toThrow();
    expect((await fetch(`${other.address}/livez`)).status).toBe(200);
  });
});

test.each([
  ['/livez', { Host: 'evil.example' }, 200],
  ['/metrics', { Host: '10.0.0.7:9090' }, 200],
  ['/none', { Host: 'evil.example' }, 421],
  ['/none', { Host: 'localhost' }, 404],
  ['/metrics', { Host: 'localhost', 'Sec-Fetch-Site': 'cross-site' }, 403],
  ['/metrics', { Host: 'localhost', Origin: 'https://evil.example' }, 403],
  ['/metrics', { Host: 'localhost, localhost' }, 400],
])('answers %s with %j as %d', async (path, headers, status) => {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  get(server.address + path, { headers }, resolve).on('error', reject);
  const response = await promise;
  response.resume();
  expect(response.statusCode).toBe(status);
  expect(response.headers['cross-origin-resource-policy']).toBe('same-origin');
});

test('the server does not answer after it is closed', async () => {
  const other = await startHealthServer(
    { host: '127.0.0.1', port: 0 },
    { health: () => health, registry, logger },
  );
  await other[Symbol.asyncDispose]();
  await expect(fetch(`${other.address}/livez`)).rejects.toThrow();
});

test('rejects with EADDRINUSE if the port is in use', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await expect(
    startHealthServer({ host: '127.0.0.1', port }, { health: () => health, registry, logger }),
  ).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
  taken.close();
  await once(taken, 'close');
});
