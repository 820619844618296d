import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { Redis } from 'ioredis';
import { startProtocolServer, type ProtocolServer } from '@cloud-mirror/testing/protocol-server';
import { runProgram, startProgram, type Program } from '@cloud-mirror/testing/program';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';
import { startTcpProxy, type TcpProxy } from '@cloud-mirror/testing/tcp-proxy';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';

/*
 * Routers as processes of their own, with the documents in a bucket and wake-ups through Redis.
 */

const ROUTER = 'services/router/src/main.ts';
const SECRETS = { access: 'the-access-key', secret: 'the-secret-key' };
const BUCKET_ROUTE = { '/': { s3: { bucket: 'a-bucket', ...SECRETS } } };

let opened: AsyncDisposableStack;
let folder: string;
let redis: RedisServer;
let s3: ProtocolServer;
let storeProxy: TcpProxy;
let sealKey: string;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  folder = await mkdtemp(join(tmpdir(), 'test-routers-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  redis = opened.use(await startRedis({ path: inject('servers').redisServerPath }));
  s3 = opened.use(await startProtocolServer({ strict: true }));
  storeProxy = opened.use(await startTcpProxy({ host: '127.0.0.1', port: s3.port }));
  const credentials = { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey };
  const client = new S3Client({
    endpoint: s3.endpoint,
    region: s3.region,
    forcePathStyle: true,
    credentials,
  });
  await client.send(new CreateBucketCommand({ Bucket: 'states' }));
  client.destroy();
  sealKey = randomBytes(32).toString('base64');
});
afterEach(() => opened.disposeAsync());

function config(name: string, more: object = {}): object {
  return {
    router: {
      port: 0,
      health: { port: 0 },
      sealKey: '${ROUTER_SEAL_KEY:-}',
      routesFile: join(folder, 'routes.json'),
    },
    state: {
      kind: 's3',
      directory: join(folder, name),
      bucket: 'states',
      endpoint: `http://127.0.0.1:${storeProxy.port}`,
      region: s3.region,
      forcePathStyle: true,
    },
    entries: { url: redis.url, keyPrefix: 'routers' },
    registry: { drainDelaySeconds: 0 },
    ...more,
  };
}

async function start(
  name: string,
  options: { readonly config?: object; readonly env?: Record<string, string> } = {},
) {
  return opened.use(
    await startProgram(ROUTER, {
      config: options.config ?? config(name),
      env: {
        ROUTER_SEAL_KEY: sealKey,
        AWS_ACCESS_KEY_ID: s3.accessKeyId,
        AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
        ...options.env,
      },
    }),
  );
}

const change = (router: Program, method: string, body?: object) =>
  fetch(router.url('/'), {
    method,
    headers: { 'Content-Type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
const routes = async (router: Program): Promise<object> =>
  (await (await fetch(router.url('/'), { headers: { Accept: 'application/json' } })).json()) as object;
const signed = (router: Program) => fetch(router.url('/xyz'), { redirect: 'manual' });
const endpoints = async (router: Program): Promise<string> =>
  (await fetch(router.url('/'), { headers: { Accept: 'text/plain' } })).text();
const hostOf = (router: Program): string => new URL(router.address).host;
const health = async (router: Program) =>
  (await (await fetch(`${String(router.ready.health)}/readyz`)).json()) as object;

describe('several routers', () => {
  test('have every change in force, keep its secrets to themselves, and sign with them', async () => {
    const [one, other] = await Promise.all([start('one'), start('other')]);
    expect((await signed(other)).status).toBe(503);
    expect((await change(one, 'POST', BUCKET_ROUTE)).status).toBe(200);
    await expect.poll(() => routes(other)).toHaveProperty(['/', 's3', 'access'], '•'.repeat(14));
    const answer = await signed(other);
    expect(answer.status).toBe(307);
    expect(answer.headers.get('location')).toContain('X-Amz-Credential=the-access-key');

    const operator = new Redis(redis.url);
    const kept = await Promise.all(
      (await operator.keys('*')).map(async (key) => {
        const type = await operator.type(key);
        const value =
          type === 'hash'
            ? await operator.hgetall(key)
            : type === 'stream'
              ? await operator.xrange(key, '-', '+')
              : await operator.get(key);
        return JSON.stringify(value);
      }),
    );
    operator.disconnect();
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    for (const file of files.filter((entry) => entry.isFile()))
      kept.push(await readFile(join(file.parentPath, file.name), 'utf8'));
    for (const router of [one, other]) kept.push(JSON.stringify(router.logs), router.stderr());
    expect(kept.length).toBeGreaterThan(5);
    for (const text of kept) expect(text).not.toMatch(/the-secret-key|the-access-key/);

    expect((await change(other, 'DELETE')).status).toBe(200);
    await expect.poll(() => routes(one)).toEqual({});
  });

  test('have changes in force without Redis too, and go on while it is down', async () => {
    const [one, other] = await Promise.all([start('one'), start('other')]);
    await redis.stop();
    expect((await change(one, 'POST', BUCKET_ROUTE)).status).toBe(200);
    await expect.poll(() => routes(other)).toHaveProperty(['/', 's3', 'bucket'], 'a-bucket');
  });

  test('are on the endpoints line in the order of their start, until they drain or are killed', async () => {
    const one = await start('one');
    const other = await start('other', { env: { PORT: '0' } });
    const third = await start('third');
    const line = (...some: Program[]) => `${['sssp', '9000', ...some.map(hostOf)].join('\t')}\n`;
    await expect.poll(() => endpoints(one)).toBe(line(one, other, third));
    await expect.poll(() => endpoints(third)).toBe(line(one, other, third));
    await third.stop();
    await expect.poll(() => endpoints(one)).toBe(line(one, other));
    await other.kill();
    await expect.poll(() => endpoints(one)).toBe(line(one));
  });
});

describe('a router whose store is down', () => {
  test('starts with its last good routes, says degraded, refuses changes, and recovers', async () => {
    const first = await start('one');
    await change(first, 'POST', BUCKET_ROUTE);
    expect((await first.stop()).code).toBe(0);

    await storeProxy.set({ kind: 'refuse' });
    const again = await start('one');
    expect((await signed(again)).status).toBe(307);
    expect(await health(again)).toEqual({ status: 'degraded', failing: ['state'] });
    const refused = await change(again, 'POST', { '/b': { s3: { bucket: 'b-bucket' } } });
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([
      503,
      'state_unavailable',
    ]);

    await storeProxy.set({ kind: 'pass' });
    await expect.poll(() => health(again)).toEqual({ status: 'ok', failing: [] });
    expect((await change(again, 'POST', { '/b': { s3: { bucket: 'b-bucket' } } })).status).toBe(200);
    expect(Object.keys(await routes(again))).toEqual(['/', '/b']);
  });

  test('without last good routes has none, and takes them once it can', async () => {
    const first = await start('one');
    await change(first, 'POST', BUCKET_ROUTE);
    await storeProxy.set({ kind: 'refuse' });
    const fresh = await start('fresh');
    expect((await signed(fresh)).status).toBe(503);
    await storeProxy.set({ kind: 'pass' });
    await expect.poll(async () => (await signed(fresh)).status).toBe(307);
  });
});

test('another seal key makes one route 503 by its name, and leaves the others', async () => {
  const one = await start('one');
  await change(one, 'POST', { '/a': BUCKET_ROUTE['/'], '/b': { s3: { bucket: 'b-bucket' } } });
  const other = await start('other', { env: { ROUTER_SEAL_KEY: randomBytes(32).toString('base64') } });
  const sealed = await fetch(other.url('/a/x'), { redirect: 'manual' });
  expect([sealed.status, await sealed.text()]).toEqual([503, expect.stringContaining('/a') as string]);
  expect((await fetch(other.url('/b/x'), { redirect: 'manual' })).status).toBe(307);
});

test('a store that ignores conditional writes is refused at the start', async () => {
  await using lax = await startProtocolServer();
  const credentials = { accessKeyId: lax.accessKeyId, secretAccessKey: lax.secretAccessKey };
  const client = new S3Client({
    endpoint: lax.endpoint,
    region: lax.region,
    forcePathStyle: true,
    credentials,
  });
  await client.send(new CreateBucketCommand({ Bucket: 'states' }));
  client.destroy();
  const state = {
    kind: 's3',
    directory: join(folder, 'lax'),
    bucket: 'states',
    endpoint: lax.endpoint,
    region: lax.region,
    forcePathStyle: true,
  };
  const { code, stderr } = await runProgram(ROUTER, {
    config: config('lax', { state }),
    env: { AWS_ACCESS_KEY_ID: lax.accessKeyId, AWS_SECRET_ACCESS_KEY: lax.secretAccessKey },
  });
  expect(code).toBe(2);
  expect(stderr).toContain('If-Match');
});
