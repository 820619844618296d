import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { claimOf, objectIn } from '@cloud-mirror/entry-store/contract';
import { RedisEntryStore } from '../src/redis/redis-entry-store.ts';

const { redisUrl } = inject('servers');
const ID = objectIn('s3/us-west-1');
const SHA256 = 'ab'.repeat(32);
const COPY = { generation: '', sizeBytes: 1, sha256: null, etag: null, storedAt: 1, expiresAt: null };

let operator: Redis;
beforeAll(() => {
  operator = new Redis(redisUrl);
});
afterAll(() => operator.disconnect());

let store: RedisEntryStore;
let key: string;
let failures: Error[];
beforeEach(() => {
  const keyPrefix = `test-${randomUUID()}`;
  key = `{${keyPrefix}:${ID.backend}:${ID.sha256}}`;
  failures = [];
  const onError = (error: Error): void => void failures.push(error);
  store = new RedisEntryStore({
    connection: { url: redisUrl },
    keyPrefix,
    commandTimeoutMs: 10_000,
    onError,
  });
});
afterEach(() => store[Symbol.asyncDispose]());

const later = (): number => Date.now() + 600_000;
const pending = (): object => ({
  state: 'pending',
  token: 'forged',
  phase: 'copying',
  since: 1,
  bytes: 0,
  leaseEnd: later(),
  attempts: 0,
  ownClaim: false,
});
const present = (): object => ({
  state: 'present',
  token: 'forged',
  since: 1,
  generation: 'n0nce',
  sizeBytes: 5,
  sha256: SHA256,
  etag: '"e"',
  storedAt: 1,
  expiresAt: null,
});
const failed = (): object => ({
  state: 'error',
  token: 'forged',
  since: 1,
  attempts: 1,
  retryAt: later(),
  code: 'origin_status',
  cause: 'the origin answered 404',
  stack: 'x',
  originStatus: 404,
  originHost: 'origin.example',
  willRetry: false,
});

const without = (entry: object, field: string): object =>
  Object.fromEntries(Object.entries(entry).filter(([name]) => name !== field));

/** Entries that lack one field, or that have an invalid value in it. */
const DAMAGED: readonly [name: string, text: () => string][] = [
  ['an empty string', () => ''],
  ['truncated JSON', () => '{"state":'],
  ['null', () => 'null'],
  ['a string', () => '"text"'],
  ['an array', () => '[]'],
  ['an unknown state', () => JSON.stringify({ ...present(), state: 'elsewhere' })],
  ...[pending, present, failed].flatMap((make) =>
    Object.keys(make())
      .filter((field) => field !== 'ownClaim')
      .flatMap((field): [string, () => string][] => [
        [`${make.name} without ${field}`, () => JSON.stringify(without(make(), field))],
        [`${make.name} with an object as ${field}`, () => JSON.stringify({ ...make(), [field]: {} })],
      ]),
  ),
  ...(
    [
      [present, { sha256: 'ab\r\nSet-Cookie: a=b' }],
      [present, { sha256: SHA256.toUpperCase() }],
      [present, { generation: '../../elsewhere' }],
      [present, { generation: 'a/b' }],
      [present, { etag: 'a\r\nb' }],
      [present, { sizeBytes: -1 }],
      [present, { sizeBytes: 1.5 }],
      [present, { storedAt: 1e18 }],
      [present, { expiresAt: 'tomorrow' }],
      [present, { token: '' }],
      [pending, { phase: 'resting' }],
      [pending, { leaseEnd: '1' }],
      [failed, { code: 'not a word' }],
      [failed, { originStatus: 7 }],
      [failed, { originStatus: 302 }],
      [failed, { originRetryAfterSeconds: 3_601 }],
      [failed, { originHost: 'a\nb' }],
      [failed, { originRetryAfterSeconds: '1\r\n' }],
    ] as const
  ).map(([make, changes]): [string, () => string] => [
    `${make.name} with ${JSON.stringify(changes)}`,
    () => JSON.stringify({ ...make(), ...changes }),
  ]),
  ['bytes that are not UTF-8', () => '\u00ff\u0000'],
];

async function expectAbsent(put: () => Promise<unknown>): Promise<void> {
  await put();
  expect(await store.get(ID)).toBeNull();
  const renewal = { leaseMs: 1_000, bytes: 1 };
  expect(await store.renew(ID, 'other', renewal)).toBe(false);
  expect(await store.commit(ID, 'other', COPY, 1_000)).toBe(false);
  expect(await store.release(ID, 'other')).toBe(false);
  expect(await store.claim(ID, claimOf('mine'))).toEqual({
    claimed: true,
    attempts: expect.any(Number) as number,
  });
  expect(await store.get(ID)).toMatchObject({ state: 'pending', token: 'mine' });
  await put();
  expect(await store.take(ID, { token: 't', jobToken: 'j', leaseMs: 60_000 })).toMatchObject({ taken: true });
  expect(await store.renew(ID, 't', renewal)).toBe(true);
  await put();
  expect(await store.drop(ID)).toBe(true);
  expect(await operator.exists(key)).toBe(0);
}

describe('a damaged or foreign entry', () => {
  test.each(DAMAGED)('counts as absent and is reported once: %s', async (_name, text) => {
    await expectAbsent(() => operator.set(key, text()));
    expect(failures.map(({ name }) => name)).toEqual(['DamagedEntryError']);
    expect(failures[0]?.message).toContain(ID.sha256);
  });

  test.each([
    ['a list', () => operator.rpush(key, 'a')],
    ['a hash', () => operator.hset(key, 'a', 'b')],
    ['a set', () => operator.sadd(key, 'a')],
    ['a sorted set', () => operator.zadd(key, 1, 'a')],
    ['a stream', () => operator.xadd(key, '*', 'a', 'b')],
  ])('counts as absent if its key has another type: %s', async (_name, add) => {
    await expectAbsent(async () => {
      await operator.del(key);
      await add();
    });
  });

  test('is removed by a flush', async () => {
    await operator.rpush(key, 'a');
    expect(await store.flush([ID.backend])).toBe(1);
    expect(await operator.exists(key)).toBe(0);
  });

  test('at the key of the seal gives a new seal with each read until the next purge', async () => {
    const seal = key.replace(/:s3.*$/, ':seal}');
    await operator.rpush(seal, 'a');
    expect(await store.seal()).not.toBe(await store.seal());
    await store.drop(ID);
    expect(await store.seal()).toBe(await store.seal());
  });

  test('at the key of the access check is overwritten', async () => {
    await operator.rpush(key.replace(/:s3.*$/, ':check}'), 'a');
    await expect(store.check()).resolves.toBeUndefined();
  });
});

describe('an entry of another version', () => {
  /** As the first version of the mirror wrote them to Redis. */
  const OLD = [
    '{"state":"present","token":"t","since":1764442324000,"generation":"","sizeBytes":9007199254740991,"sha256":null,"etag":"\\"d41d\\"","storedAt":1764442323000,"expiresAt":1764528723000}',
    '{"state":"pending","token":"t","phase":"queued","since":1764442324000,"bytes":0,"leaseEnd":1764443224000,"attempts":3,"ownClaim":false}',
    '{"state":"error","token":"t","since":1764442324000,"attempts":2,"retryAt":1764442328000,"code":"origin_status","cause":"the origin answered 503","stack":"OriginError: …\\n    at x","originStatus":503,"originHost":"artifacts.example.com:8443","willRetry":true}',
  ];

  test.each(OLD)('is read if the first version wrote it: %s', async (text) => {
    await operator.set(key, text);
    const { ownClaim: _, ...entry } = JSON.parse(text) as Record<string, unknown>;
    expect(await store.get(ID)).toEqual(entry);
    expect(failures).toEqual([]);
  });

  test.each(OLD)('is read without the fields that a later version added: %s', async (text) => {
    await operator.set(key, text.replace(/}$/, ',"later":{"a":1}}'));
    expect(await store.get(ID)).toMatchObject({ token: 't' });
    expect(await store.get(ID)).not.toHaveProperty('later');
  });
});
