import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { copyKey, mirroredObject, urlSha256 } from '@cloud-mirror/mirrored-objects';
import { openAdapters, parseConfig, prepareBackend, prepareBackends } from '../src/index.ts';
import { createLogger } from '@cloud-mirror/program';
import type { Config } from '../src/index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'adapters-'));
  // Without them the SDK would look for credentials on the network.
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const logger = createLogger({
  level: 'silent',
  program: 'test',
  version: '0',
  destination: { write: () => undefined },
});

/** An address at which nothing listens. */
const NOWHERE = '127.0.0.1:1';

function config(changes: Record<string, unknown> = {}): Config {
  const base = {
    server: { publicUrl: 'https://mirror.example.com/m' },
    sources: {
      allow: [
        { prefix: 'https://artifacts.example.com/' },
        { pattern: '^http://[a-z]+\\.test/', tls: 'optional' },
      ],
    },
    entries: { kind: 'memory' },
    queue: { kind: 'memory' },
    services: {
      local: { kind: 'filesystem', directory: folder, maxBytes: 3000, regions: { here: {}, there: {} } },
    },
  };
  return parseConfig(JSON.stringify({ ...base, ...changes }), {});
}

const s3 = (region: object) => ({
  s3: {
    kind: 's3',
    create: true,
    requestTimeoutMs: 200,
    regions: { lab: { bucket: 'bucket-1', ...region } },
  },
});

async function* body(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

const put = (text: string) => ({
  headers: { contentType: 'text/plain' },
  sizeBytes: text.length,
  metadata: () => ({}),
});

test('every region of every service is a back end', async () => {
  await using adapters = await openAdapters(config(), { logger });
  expect([...adapters.backends.keys()]).toEqual(['local/here', 'local/there']);
  expect(adapters.backends.get('local/there')).toMatchObject({
    service: 'local',
    region: 'there',
    name: 'local/there',
    kind: 'filesystem',
    lifespanDays: null,
  });
});

test('the source policy follows the sources section', async () => {
  await using adapters = await openAdapters(config(), { logger });
  const allowed = (url: string) => adapters.policy.decide(new URL(url)).allowed;
  expect(allowed('https://artifacts.example.com/a')).toBe(true);
  expect(allowed('http://artifacts.example.com/a')).toBe(false);
  expect(allowed('http://lab.test/a')).toBe(true);
  expect(allowed('https://other.example.com/a')).toBe(false);
});

test('a decision carries the options of the rule that made it', async () => {
  const options = { onRefusal: 'origin', ignoreVary: true, ignoreCacheControl: true, keepCacheControl: true };
  const plain = { onRefusal: 'pass', ignoreVary: false, ignoreCacheControl: false, keepCacheControl: false };
  const allow = [
    { prefix: 'https://artifacts.example.com/odd/', ...options },
    { prefix: 'https://artifacts.example.com/' },
  ];
  await using adapters = await openAdapters(config({ sources: { allow } }), { logger });
  const decide = (path: string) => adapters.policy.decide(new URL(path, 'https://artifacts.example.com/'));
  expect(decide('odd/a')).toMatchObject({ allowed: true, options });
  expect(decide('a')).toMatchObject({ allowed: true, options: plain });
});

test('the mirror itself is never an allowed source, whatever the rules say', async () => {
  const anyHost = { sources: { allow: [{ pattern: '^https://[a-z0-9.-]+/' }] } };
  const queue = { kind: 'sqs', region: 'eu-west-1' };
  await using adapters = await openAdapters(config({ ...anyHost, queue }), { logger });
  const allowed = (url: string) => adapters.policy.decide(new URL(url)).allowed;
  expect(allowed('https://mirror.example.com/v1/redirect/local/here/x')).toBe(false);
  expect(allowed('https://sqs.eu-west-1.amazonaws.com/1/queue?Action=PurgeQueue')).toBe(false);
  expect(allowed('https://artifacts.example.com/')).toBe(true);
});

test.each([
  ['0.0.0.0', '^https://[a-z0-9.-]+/', ['sources.allow[0].pattern']],
  ['127.0.0.1', '^https://[a-z0-9.-]+/', []],
  ['0.0.0.0', '^https://[a-z0-9-]+\\.example\\.com/', []],
])('a mirror that listens on %s logs warnings for the rule %s: %j', async (host, pattern, warned) => {
  const lines: { readonly rule?: string }[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as { rule?: string }) };
  const log = createLogger({ level: 'warn', program: 'test', version: '0', destination });
  const server = { publicUrl: 'https://mirror.example.com', host };
  await using _adapters = await openAdapters(
    config({ server, sources: { allow: [{ pattern, query: 'refuse' }] } }),
    {
      logger: log,
    },
  );
  expect(lines.map(({ rule }) => rule)).toEqual(warned);
});

test('a filesystem service keeps copies in a folder per region, at URLs of the front end', async () => {
  await using adapters = await openAdapters(config(), { logger });
  const store = adapters.backends.get('local/here')?.store;
  await store?.put('https://artifacts.example.com/a', body('hello'), put('hello'));
  expect(await store?.urlFor('https://artifacts.example.com/a', 'GET')).toMatch(
    /^https:\/\/mirror\.example\.com\/m\/v1\/objects\/local\/here\/[0-9a-f]{64}$/,
  );
  expect(await readdir(folder)).toEqual(['here']);
});

test('the entry of an object is dropped before its file is evicted', async () => {
  await using adapters = await openAdapters(config(), { logger });
  const { entries, backends } = adapters;
  const store = backends.get('local/here')?.store;
  const first = 'https://artifacts.example.com/first';
  await store?.put(first, body('x'.repeat(1500)), put('x'.repeat(1500)));
  const id = { backend: 'local/here', sha256: urlSha256(first) };
  await entries.claim(id, { token: 't', leaseMs: 60_000, copyingLeaseMs: 60_000 });
  const copy = { generation: '', sizeBytes: 1500, sha256: null, etag: null, storedAt: 0, expiresAt: null };
  expect(await entries.commit(id, 't', copy, 60_000)).toBe(true);
  await store?.put('https://artifacts.example.com/second', body('y'.repeat(1500)), put('y'.repeat(1500)));
  expect(await store?.head(first)).toBeNull();
  expect(await entries.get(id)).toBeNull();
});

test('adapters open while S3, SQS and Redis are down', async () => {
  const away = config({
    entries: { url: `redis://${NOWHERE}`, commandTimeoutMs: 100 },
    queue: { endpoint: `http://${NOWHERE}`, requestTimeoutMs: 200 },
    services: s3({ endpoint: `http://${NOWHERE}`, publicUrl: 'https://cdn.example.com/m/' }),
  });
  await using adapters = await openAdapters(away, { logger });
  const backend = adapters.backends.get('s3/lab');
  expect(backend).toMatchObject({ kind: 's3', lifespanDays: 1 });
  expect(await backend?.store.urlFor('https://a/b', 'GET')).toBe(
    'https://cdn.example.com/m/https%3A%2F%2Fa%2Fb',
  );
  await expect(adapters.entries.check()).rejects.toMatchObject({ code: 'entry_store_unavailable' });
});

test.each([
  ['url', { url: `redis://${NOWHERE}` }],
  ['sentinels', { sentinels: { name: 'm', nodes: [NOWHERE], url: 'redis://:p@x' } }],
  ['cluster', { cluster: [NOWHERE] }],
])('an entry store with %s opens while Redis is down', async (_, connection) => {
  await using adapters = await openAdapters(config({ entries: { ...connection, commandTimeoutMs: 100 } }), {
    logger,
  });
  await expect(adapters.entries.check()).rejects.toMatchObject({ code: 'entry_store_unavailable' });
});

test('a region overrides the access of its service, and its URLs use its own AWS region', async () => {
  const services = {
    s3: {
      kind: 's3',
      access: 'signed',
      regions: {
        'us-west-1': { bucket: 'bucket-1' },
        open: { bucket: 'bucket-2', region: 'eu-west-1', access: 'public' },
      },
    },
  };
  await using adapters = await openAdapters(config({ services }), { logger });
  expect(adapters.backends.get('s3/us-west-1')?.store.access).toBe('signed');
  const open = adapters.backends.get('s3/open')?.store;
  expect(open?.access).toBe('public');
  expect(await open?.urlFor('k', 'GET')).toBe('https://bucket-2.s3.eu-west-1.amazonaws.com/k');
});

test('a region overrides the keys of its service', async () => {
  const services = {
    s3: { kind: 's3', keys: 'hashed', regions: { a: { bucket: 'b1' }, b: { bucket: 'b2', keys: 'url' } } },
    usual: { kind: 's3', regions: { c: { bucket: 'b3' }, d: { bucket: 'b4', keys: 'hashed' } } },
    local: { kind: 'filesystem', directory: folder, regions: { here: {} } },
  };
  await using adapters = await openAdapters(config({ services }), { logger });
  const found = [...adapters.backends.values()].map((backend) => {
    const object = mirroredObject(backend, 'https://a.example/x');
    return [backend.name, copyKey(object, ''), object.id.keys];
  });
  const hashed = `sha256/0/${urlSha256('https://a.example/x')}`;
  expect(found).toEqual([
    ['s3/a', hashed, 'hashed'],
    ['s3/b', 'https://a.example/x', undefined],
    ['usual/c', 'https://a.example/x', undefined],
    ['usual/d', hashed, 'hashed'],
    ['local/here', 'https://a.example/x', undefined],
  ]);
});

test('folders are always created at start, queues and buckets only with create: true', async () => {
  await using adapters = await openAdapters(config(), { logger });
  await prepareBackends(adapters, config(), { logger, signal: new AbortController().signal });
  expect((await readdir(folder)).toSorted()).toEqual(['here', 'there']);
  const passive = config({
    services: { s3: { ...s3({ endpoint: `http://${NOWHERE}` }).s3, create: false } },
  });
  await using away = await openAdapters(passive, { logger });
  await prepareBackends(away, passive, { logger, signal: new AbortController().signal });
});

test('preparation retries until it is aborted, and then resolves', async () => {
  const wanted = config({ services: s3({ endpoint: `http://${NOWHERE}` }) });
  await using adapters = await openAdapters(wanted, { logger });
  const stop = new AbortController();
  const failed = Promise.withResolvers<string>();
  const watched = createLogger({
    level: 'warn',
    program: 'test',
    version: '0',
    destination: { write: (line: string) => failed.resolve(line) },
  });
  const preparing = prepareBackends(adapters, wanted, { logger: watched, signal: stop.signal });
  expect(JSON.parse(await failed.promise)).toMatchObject({
    backend: 's3/lab',
    msg: 'could not prepare the back end',
  });
  stop.abort();
  await preparing;
});

test('preparing one back end returns what was created, or rejects with the reason', async () => {
  await using adapters = await openAdapters(config(), { logger });
  const here = adapters.backends.get('local/here');
  if (here === undefined) throw new Error('no such back end');
  const made = await prepareBackend(here);
  expect(made).toEqual([expect.stringContaining(folder)]);
  expect(await prepareBackend(here)).toEqual([]);
  await using away = await openAdapters(config({ services: s3({ endpoint: `http://${NOWHERE}` }) }), {
    logger,
  });
  const lab = away.backends.get('s3/lab');
  if (lab === undefined) throw new Error('no such back end');
  await expect(prepareBackend(lab)).rejects.toMatchObject({ code: 'store_unavailable' });
});
