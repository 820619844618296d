import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAdapters, parseConfig } from '@cloud-mirror/mirror';
import { createLogger } from '@cloud-mirror/program';
import type { Adapters } from '@cloud-mirror/mirror';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createFrontend, openCacheManager } from '../src/index.ts';
import { base64url, bearer, json, OPERATORS, TOKENS } from './support/frontend-under-test.ts';

/*
 * The front end with a real cache manager, entries and jobs in memory, copies in a folder, and an origin on loopback.
 * No copier runs: the tests put copies into the store.
 */

const resources = new AsyncDisposableStack();
let adapters: Adapters;
let address: string;
let origin: string;

beforeAll(async () => {
  const server = createServer((request, response) => {
    const status = Number(/^\/status\/(\d+)/.exec(request.url ?? '')?.[1] ?? 200);
    response.writeHead(status, { 'Content-Length': 4 }).end(request.method === 'HEAD' ? undefined : 'good');
  }).listen(0, '127.0.0.1');
  resources.defer(() => void server.close());
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const directory = await mkdtemp(join(tmpdir(), 'frontend-'));
  resources.defer(() => rm(directory, { recursive: true }));

  const tree = {
    server: { host: '127.0.0.1', port: 0, publicUrl: 'http://mirror.example/base', maxWaitSeconds: 1 },
    admin: { tokens: OPERATORS },
    sources: { allow: [{ prefix: `${origin}/`, tls: 'optional', privateAddresses: true }] },
    entries: { kind: 'memory' },
    queue: { kind: 'memory' },
    services: { local: { kind: 'filesystem', directory, regions: { here: {}, there: {} } } },
  };
  // JSON is valid YAML.
  const config = parseConfig(JSON.stringify(tree), {});
  const logger = createLogger({ level: 'silent', program: 'test', version: '0' });
  const registry = new Registry();
  adapters = resources.use(await openAdapters(config, { logger }));
  const cacheManager = resources.use(openCacheManager({ config, adapters, logger, registry }));
  const frontend = createFrontend({ ...adapters, config, cacheManager, logger, registry });
  resources.defer(() => frontend.drain());
  address = await frontend.listen();
});
afterAll(() => resources.disposeAsync());

const get = (path: string, init: RequestInit = {}) => fetch(address + path, { redirect: 'manual', ...init });
const object = (url: string, region = 'here') => `local/${region}/${base64url(url)}`;
const purge = (url: string, region = 'here') =>
  get(`/v1/purge/${object(url, region)}`, { method: 'DELETE', ...bearer(TOKENS.all) });

async function copy(url: string, bytes: string): Promise<void> {
  const store = adapters.backends.get('local/here')?.store ?? expect.fail('the back end is there');
  const body = async function* () {
    yield Buffer.from(bytes);
  };
  await store.put(url, body(), {
    headers: { contentType: 'text/plain' },
    sizeBytes: Buffer.byteLength(bytes),
    metadata: () => ({}),
  });
}

test('a copy in the store is found, redirected to and served, and gets an entry', async () => {
  const url = `${origin}/a/app.txt`;
  await copy(url, 'the copy');
  for (let round = 0; round < 2; round += 1) {
    const response = await get(`/v1/redirect/${object(url)}`);
    expect(response.status).toBe(302);
    expect(response.headers.get('cache-status')).toBe('cloud-mirror; hit');
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
    const location = response.headers.get('location') ?? '';
    expect(location).toMatch(/^http:\/\/mirror\.example\/base\/v1\/objects\/local\/here\/[0-9a-f]{64}$/);
    const served = await get(new URL(location).pathname.replace('/base', ''));
    expect(await served.text()).toBe('the copy');
    expect(served.headers.get('content-type')).toBe('text/plain');
  }
});

test('without a copy within the wait the client is redirected to the origin', async () => {
  const url = `${origin}/b/app.txt?x=1`;
  const response = await get(`/v1/redirect/${object(url)}?wait=0`);
  expect(response.status).toBe(302);
  expect(response.headers.get('location')).toBe(url);
  expect(response.headers.get('cache-status')).toMatch(
    /^cloud-mirror; fwd=miss; detail=(?:wait_over|not_waiting)$/,
  );
  expect(response.headers.get('cache-control')).toBe('no-store');
});

test('respond-async is a 202', async () => {
  const response = await get(`/v1/redirect/${object(`${origin}/c/app.txt`)}`, {
    headers: { Prefer: 'respond-async' },
  });
  expect(response.status).toBe(202);
  expect(response.headers.get('preference-applied')).toBe('respond-async');
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await json(response)).toMatchObject({ status: 'pending' });
});

test("the origin's 404 is passed on", async () => {
  const response = await get(`/v1/redirect/${object(`${origin}/status/404`)}`);
  expect(response.status).toBe(404);
  expect(await json(response)).toMatchObject({ code: 'origin_status', originStatus: 404 });
});

test('a URL that is not allowed is a 403, and an unknown back end a 404', async () => {
  expect((await get(`/v1/redirect/${object('https://elsewhere.example/x')}`)).status).toBe(403);
  const unknown = await get(`/v1/redirect/${object(`${origin}/x`, 'nowhere')}`);
  expect(unknown.status).toBe(404);
  expect(await json(unknown)).toMatchObject({ known: ['local/here', 'local/there'] });
});

test('status shows no copy after a purge', async () => {
  const url = `${origin}/status/404?purged`;
  await copy(url, 'the copy');
  expect((await get(`/v1/redirect/${object(url)}`)).status).toBe(302);
  const statusOf = async () => json(await get(`/v1/status/${object(url)}`, bearer(TOKENS.readOnly)));
  expect(await statusOf()).toMatchObject({ entry: { state: 'present' }, object: { sizeBytes: 8 } });
  expect((await purge(url)).status).toBe(204);
  expect(await statusOf()).toMatchObject({ entry: null, object: null });
  expect((await get(`/v1/redirect/${object(url)}`)).status).toBe(404);
});

test('every region can be purged of a URL that no rule allows any more', async () => {
  const url = 'https://elsewhere.example/x';
  for (const region of ['here', 'all']) {
    const nothing = await purge(url, region);
    expect(nothing.status).toBe(404);
    expect(await json(nothing)).toMatchObject({ code: 'not_mirrored' });
  }
  await copy(url, 'the copy');
  const response = await purge(url, 'all');
  expect(response.status).toBe(200);
  expect(await json(response)).toEqual({
    results: [
      { backend: 'local/here', purged: true, error: null },
      { backend: 'local/there', purged: true, found: false, error: null },
    ],
  });
});

test('flush drops entries and keeps copies', async () => {
  const url = `${origin}/d/app.txt`;
  await copy(url, 'the copy');
  await get(`/v1/redirect/${object(url)}`);
  const flushed = await get('/v1/cache/local/here', { method: 'DELETE', ...bearer(TOKENS.all) });
  const { forgotten } = await json(flushed);
  expect(forgotten).toBeGreaterThanOrEqual(1);
  const again = await get(`/v1/redirect/${object(url)}`);
  expect(again.headers.get('location')).toContain('/v1/objects/');
});

test('the queue reports its depth, and can be dropped', async () => {
  await get(`/v1/redirect/${object(`${origin}/e/app.txt`)}`, { headers: { Prefer: 'respond-async' } });
  const dropped = await get('/v1/queue/local/here', { method: 'DELETE', ...bearer(TOKENS.all) });
  expect(await json(dropped)).toEqual({ backend: 'local/here', dropped: true });
  const letters = await get('/v1/dead-letters/local/here', bearer(TOKENS.all));
  expect(await json(letters)).toEqual({ backend: 'local/here', deadLetters: [] });
});

test('readyz reports all parts, and the metrics count the jobs', async () => {
  expect(await json(await get('/readyz'))).toMatchObject({ status: 'ready' });
  const text = await (await get('/metrics')).text();
  expect(text).toMatch(/cloud_mirror_jobs_enqueued_total\{service="local",region="here"\} [1-9]/);
  expect(text).toMatch(/cloud_mirror_backfills_total\{service="local",region="here"\} [1-9]/);
});
