import { randomUUID } from 'node:crypto';
import { afterEach, expect, inject, test, vi } from 'vitest';
import { EntryMemory } from '../src/entry-memory.ts';
import { RedisEntryStore, type Change } from '@cloud-mirror/entry-store';
import type { ObjectId } from '@cloud-mirror/mirrored-objects';
import { startTcpProxy } from '@cloud-mirror/testing/tcp-proxy';

const { redisUrl } = inject('servers');
const ID: ObjectId = { backend: 's3/us-west-1', sha256: 'a'.repeat(64) };
const TIMES = { ttlSeconds: 3600, expiryMarginSeconds: 600 };

afterEach(() => {
  vi.useRealTimers();
});

/** The connections of a front end to Redis, and its memory on top of them. */
async function openFrontend(url: string, keyPrefix: string, opened: AsyncDisposableStack) {
  const entries = opened.use(
    new RedisEntryStore({ connection: { url }, keyPrefix, commandTimeoutMs: 10_000 }),
  );
  const changes: Change[] = [];
  const heard = Promise.withResolvers<void>();
  const memory = opened.use(new EntryMemory({ entries, times: TIMES }));
  entries.subscribe((change) => {
    changes.push(change);
    heard.resolve();
  });
  // A subscription reports a gap once it is established.
  await heard.promise;
  await entries.check();
  return { entries, memory, changes };
}

async function commit(entries: RedisEntryStore): Promise<void> {
  await entries.claim(ID, { token: 'a', leaseMs: 60_000, copyingLeaseMs: 60_000 });
  const copy = {
    generation: '',
    sizeBytes: 1,
    sha256: null,
    etag: null,
    storedAt: Date.now(),
    expiresAt: null,
  };
  expect(await entries.commit(ID, 'a', copy, 3_600_000)).toBe(true);
}

test('an entry that one front end drops leaves the memory of another through Redis alone', async () => {
  await using opened = new AsyncDisposableStack();
  const keyPrefix = `test-${randomUUID()}`;
  const one = await openFrontend(redisUrl, keyPrefix, opened);
  const other = await openFrontend(redisUrl, keyPrefix, opened);
  await commit(one.entries);
  await vi.waitFor(
    () => expect(other.changes.filter(({ type }) => type === 'changed')).toHaveLength(2),
    20_000,
  );
  // With a fake clock, no entry reaches its age limit.
  vi.useFakeTimers({ toFake: ['performance'] });
  expect(await other.memory.read(ID)).toMatchObject({ state: 'present' });
  expect(other.memory.recall(ID)).not.toBeNull();
  await one.entries.drop(ID);
  await vi.waitFor(() => expect(other.memory.recall(ID)).toBeNull(), 20_000);
});

test('a broken subscription empties the memory', async () => {
  await using opened = new AsyncDisposableStack();
  const keyPrefix = `test-${randomUUID()}`;
  const { hostname, port } = new URL(redisUrl);
  const proxy = opened.use(await startTcpProxy({ host: hostname, port: Number(port) }));
  const direct = await openFrontend(redisUrl, keyPrefix, opened);
  const proxied = await openFrontend(`redis://127.0.0.1:${proxy.port}`, keyPrefix, opened);
  await commit(direct.entries);
  vi.useFakeTimers({ toFake: ['performance'] });
  await vi.waitFor(async () => {
    await proxied.memory.read(ID);
    expect(proxied.memory.recall(ID)).not.toBeNull();
  }, 20_000);
  proxy.drop('cut');
  await vi.waitFor(() => expect(proxied.memory.recall(ID)).toBeNull(), 20_000);
});

test('an entry that one front end drops leaves the memory of another that receives no messages', async () => {
  await using opened = new AsyncDisposableStack();
  const keyPrefix = `test-${randomUUID()}`;
  const one = await openFrontend(redisUrl, keyPrefix, opened);
  const other = await openFrontend(redisUrl, keyPrefix, opened);
  await commit(one.entries);
  const memory = opened.use(
    new EntryMemory({
      entries: {
        get: (id) => other.entries.get(id),
        seal: () => other.entries.seal(),
        get epoch() {
          return other.entries.epoch;
        },
        subscribe: () => ({ [Symbol.dispose]: () => undefined }),
      },
      times: TIMES,
    }),
  );
  // The checks of the seal continue by timers. With a fake clock, no entry reaches its age limit.
  vi.useFakeTimers({ toFake: ['performance'] });
  await vi.waitFor(async () => {
    await memory.checkSeal();
    await memory.read(ID);
    await memory.checkSeal();
    expect(memory.recall(ID)).not.toBeNull();
  }, 20_000);
  await one.entries.drop(ID);
  await vi.waitFor(() => expect(memory.recall(ID)).toBeNull(), 20_000);
});
