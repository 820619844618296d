import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { freePort } from '@cloud-mirror/testing/free-port';
import { startRedis } from '@cloud-mirror/testing/redis-server';
import { EntryStoreError } from '../src/entry-store.ts';
import type { Change, EntryStore } from '../src/entry-store.ts';
import { RedisEntryStore } from '../src/redis/redis-entry-store.ts';
import type { RedisEntryStoreOptions } from '../src/redis/redis-entry-store.ts';
import {
  claimOf,
  describeEntryStore,
  objectIn,
  until,
  untilItAnswers,
} from '@cloud-mirror/entry-store/contract';

const { redisUrl } = inject('servers');

/** A generous limit for tests that are about the answer and not about its time. */
const WIDE_MS = 10_000;
const ID = objectIn('s3/us-west-1');

let opened = new AsyncDisposableStack();

function storeAt(
  connection: RedisEntryStoreOptions['connection'],
  options: Partial<RedisEntryStoreOptions> = {},
): RedisEntryStore {
  const store = new RedisEntryStore({
    connection,
    keyPrefix: `test-${randomUUID()}`,
    commandTimeoutMs: WIDE_MS,
    ...options,
  });
  return opened.use(store);
}

afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});

function pairAt(connection: RedisEntryStoreOptions['connection'], keyPrefix: string) {
  const store = storeAt(connection, { keyPrefix });
  const other = storeAt(connection, { keyPrefix });
  return {
    store,
    other,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([store[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
    },
  };
}

describeEntryStore('RedisEntryStore', async () => pairAt({ url: redisUrl }, `test-${randomUUID()}`));

describeEntryStore('RedisEntryStore with glob characters in its prefix', async () =>
  pairAt({ url: redisUrl }, `t[e]s*t?\\{^-}${randomUUID()}`),
);

test('an object has a separate entry if keys are hashed, and a flush drops both', async () => {
  await using pair = pairAt({ url: redisUrl }, `test-${randomUUID()}`);
  const { store } = pair;
  const hashed = { ...ID, keys: 'hashed' as const };
  expect(await store.claim(ID, claimOf('a'))).toMatchObject({ claimed: true });
  expect(await store.get(hashed)).toBeNull();
  expect(await store.claim(hashed, claimOf('b'))).toMatchObject({ claimed: true });
  expect(await store.flush([ID.backend])).toBe(2);
  expect(await store.get(hashed)).toBeNull();
});

/** A connection to the server for the test itself. */
function operatorOf(url: string): Redis {
  const client = new Redis(url);
  client.on('error', () => undefined);
  opened.defer(() => client.disconnect());
  return client;
}

/** Every call of the port. None of them may hang, or reject with anything but an EntryStoreError. */
function callsOf(store: EntryStore): readonly Promise<unknown>[] {
  const failure = { code: 'x', cause: 'x', stack: 'x', originStatus: null, originHost: null };
  const copy = { generation: '', sizeBytes: 1, sha256: null, etag: null, storedAt: 1, expiresAt: null };
  return [
    store.get(ID),
    store.claim(ID, claimOf('a')),
    store.take(ID, { token: 't', jobToken: 'a', leaseMs: 1_000 }),
    store.renew(ID, 't', { leaseMs: 1_000, bytes: 1 }),
    store.commit(ID, 't', copy, 1_000),
    store.fail(ID, 't', { ...failure, firstRetryMs: 1, longestRetryMs: 1, willRetry: true, ttlMs: 1 }),
    store.release(ID, 't'),
    store.drop(ID),
    store.flush(['s3/us-west-1']),
    store.check(),
  ];
}

async function expectAllToFail(store: EntryStore): Promise<void> {
  for (const outcome of await Promise.allSettled(callsOf(store))) {
    expect(outcome.status).toBe('rejected');
    if (outcome.status !== 'rejected') continue;
    expect(outcome.reason).toBeInstanceOf(EntryStoreError);
    expect((outcome.reason as EntryStoreError).cause).toBeInstanceOf(Error);
  }
}

/** A server that accepts connections and never answers. */
async function silentServer(): Promise<{ port: number; connections: Set<Socket> }> {
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('error', () => undefined);
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.defer(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, connections };
}

describe('RedisEntryStore without a server', () => {
  test('starts, rejects calls, and works once the server comes up', async () => {
    const port = await freePort();
    const errors: Error[] = [];
    const store = storeAt({ url: `redis://127.0.0.1:${port}` }, { onError: (error) => errors.push(error) });
    const heard: Change[] = [];
    store.subscribe((change) => heard.push(change));
    await expectAllToFail(store);
    expect(errors.length).toBeGreaterThan(0);
    expect(store.epoch).toBe(0);

    opened.use(await startRedis({ port }));
    await untilItAnswers(store);
    expect(store.epoch).toBe(1);
    expect(await store.claim(ID, claimOf('a'))).toMatchObject({ claimed: true });
    await until(() => heard.some((change) => change.type === 'lost'));
    await until(async () => {
      await store.drop(ID);
      return heard.some((change) => change.type === 'changed');
    });
  });

  test('rejects within the limit if the server accepts connections and never answers', async () => {
    const { port, connections } = await silentServer();
    const store = storeAt({ url: `redis://127.0.0.1:${port}` }, { commandTimeoutMs: 100 });
    await expectAllToFail(store);
    // It gives up the silent connection and opens another.
    await until(() => connections.size > 1);
    await expectAllToFail(store);
  });

  test('closes while calls and the subscription are waiting', async () => {
    const { port } = await silentServer();
    const store = storeAt({ url: `redis://127.0.0.1:${port}` }, { commandTimeoutMs: 100 });
    store.subscribe(() => undefined);
    const calls = Promise.allSettled(callsOf(store));
    await store[Symbol.asyncDispose]();
    for (const outcome of await calls) expect(outcome.status).toBe('rejected');
    await expectAllToFail(store);
  });

  test('rejects with an EntryStoreError if the host name does not resolve', async () => {
    const store = storeAt({ url: 'redis://nothing.invalid:6379' });
    await expect(store.get(ID)).rejects.toBeInstanceOf(EntryStoreError);
  });
});

describe('RedisEntryStore when its server fails', () => {
  test('rejects within the limit while the server hangs, and recovers', async () => {
    const server = opened.use(await startRedis());
    const store = storeAt({ url: server.url }, { commandTimeoutMs: 200 });
    await store.check();
    server.signal('SIGSTOP');
    await expectAllToFail(store);
    server.signal('SIGCONT');
    await untilItAnswers(store);
    expect(await store.claim(objectIn('s3/another'), claimOf('a'))).toMatchObject({ claimed: true });
  });

  test('changes the epoch before any answer on a new connection', async () => {
    const port = await freePort();
    const first = await startRedis({ port });
    const store = storeAt({ url: first.url });
    await store.claim(ID, claimOf('a'));
    const { epoch } = store;
    await first.stop();
    opened.use(await startRedis({ port }));
    let entry: unknown;
    await until(async () => {
      try {
        entry = await store.get(ID);
        return true;
      } catch (error) {
        expect(error).toBeInstanceOf(EntryStoreError);
        return false;
      }
    });
    expect(entry).toBeNull();
    expect(store.epoch).toBe(epoch + 1);
  });

  test('rejects a pending call at once when the connection breaks', async () => {
    const server = opened.use(await startRedis());
    const store = storeAt({ url: server.url });
    await store.check();
    server.signal('SIGSTOP');
    const waiting = store.get(ID);
    // SIGKILL works on a stopped process, which cannot answer first.
    server.process.kill('SIGKILL');
    await expect(waiting).rejects.toBeInstanceOf(EntryStoreError);
  });

  test('works after SCRIPT FLUSH removed its scripts', async () => {
    const store = storeAt({ url: redisUrl });
    await store.claim(ID, claimOf('a'));
    await store.renew(ID, 'a', { leaseMs: 60_000, bytes: 1 });
    await operatorOf(redisUrl).script('FLUSH');
    expect(await store.claim(ID, claimOf('b'))).toMatchObject({ claimed: false });
    expect(await store.renew(ID, 'a', { leaseMs: 60_000, bytes: 2 })).toBe(true);
  });

  test('treats every entry as absent after the server lost its data', async () => {
    const server = opened.use(await startRedis());
    const store = storeAt({ url: server.url });
    await store.take(ID, { token: 't', jobToken: 'a', leaseMs: 60_000 });
    await operatorOf(server.url).flushall();
    expect(await store.get(ID)).toBeNull();
    expect(await store.renew(ID, 't', { leaseMs: 60_000, bytes: 1 })).toBe(false);
    expect(await store.claim(ID, claimOf('b'))).toMatchObject({ claimed: true });
  });

  test('treats an invalid entry as absent', async () => {
    const keyPrefix = `test-${randomUUID()}`;
    const store = storeAt({ url: redisUrl }, { keyPrefix });
    for (const text of ['{"state":', '"text"', '{"state":"of another kind"}']) {
      await operatorOf(redisUrl).set(`{${keyPrefix}:${ID.backend}:${ID.sha256}}`, text);
      expect(await store.get(ID)).toBeNull();
    }
  });

  test('rejects writes while the server is a replica, still reads, and recovers', async () => {
    const [server, primary] = [opened.use(await startRedis()), opened.use(await startRedis())];
    const store = storeAt({ url: server.url });
    await store.claim(ID, claimOf('a'));
    const { epoch } = store;
    await operatorOf(server.url).replicaof('127.0.0.1', primary.port);
    await expect(store.check()).rejects.toThrow(/READONLY/);
    // The refusal replaces the connection, because the host name may now lead to another server.
    await until(() => store.epoch > epoch);
    expect(await store.get(ID)).toMatchObject({ token: 'a' });
    await expect(store.drop(ID)).rejects.toBeInstanceOf(EntryStoreError);
    await operatorOf(server.url).replicaof('NO', 'ONE');
    await untilItAnswers(store);
  });

  test('rejects writes if the server is out of memory, except those of a purge', async () => {
    const server = opened.use(await startRedis());
    const store = storeAt({ url: server.url });
    const present = objectIn('s3/us-west-1');
    await store.claim(present, claimOf('a'));
    await store.seal();
    await operatorOf(server.url).config('SET', 'maxmemory', '1');
    await expect(store.claim(ID, claimOf('a'))).rejects.toThrow(/OOM/);
    expect(await store.get(ID)).toBeNull();
    await expect(store.check()).rejects.toBeInstanceOf(EntryStoreError);
    expect(await store.drop(present)).toBe(true);
    // The seal is broken, and there is no memory for a new one.
    await expect(store.seal()).rejects.toThrow(/OOM/);
  });

  test('rejects calls if its credentials are wrong', async () => {
    const server = opened.use(await startRedis());
    await operatorOf(server.url).config('SET', 'requirepass', 'right');
    const url = server.url.replace('//', '//:wrong@');
    const errors: Error[] = [];
    const store = storeAt({ url }, { onError: (error) => errors.push(error) });
    await expectAllToFail(store);
    const allowed = storeAt({ url: server.url.replace('//', '//:right@') });
    await expect(allowed.check()).resolves.toBeUndefined();
    expect(errors.map((error) => error.message).join()).not.toContain('wrong@');
  });
});

describe('the subscription of RedisEntryStore', () => {
  test('reports a gap when its connection breaks, and then receives again', async () => {
    const server = opened.use(await startRedis());
    const store = storeAt({ url: server.url });
    const heard: Change[] = [];
    store.subscribe(() => {
      throw new Error('a listener of the test throws');
    });
    store.subscribe((change) => heard.push(change));
    const hears = async (): Promise<void> => {
      const before = heard.length;
      await until(async () => {
        await store.drop(ID);
        return heard.slice(before).some((change) => change.type === 'changed');
      });
    };
    await hears();
    const lost = (): number => heard.filter((change) => change.type === 'lost').length;
    const before = lost();
    await operatorOf(server.url).call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    // Once when it breaks and once when it is established again.
    await until(() => lost() === before + 2);
    await hears();
  });

  test('uses one connection for all listeners, opened with the first', async () => {
    const server = opened.use(await startRedis());
    const operator = operatorOf(server.url);
    const subscribers = async (): Promise<number> => {
      const clients = (await operator.call('CLIENT', 'LIST', 'TYPE', 'pubsub')) as string;
      return clients.split('\n').filter((line) => line !== '').length;
    };
    const store = storeAt({ url: server.url });
    await store.check();
    expect(await subscribers()).toBe(0);
    const standing = Array.from(
      { length: 3 },
      () =>
        new Promise<void>((resolve) => {
          store.subscribe((change) => {
            if (change.type === 'lost') resolve();
          });
        }),
    );
    await Promise.all(standing);
    expect(await subscribers()).toBe(1);
  });

  test('ignores invalid messages', async () => {
    const keyPrefix = `test-${randomUUID()}`;
    const store = storeAt({ url: redisUrl }, { keyPrefix });
    const heard: Change[] = [];
    await new Promise<void>((resolve) => {
      store.subscribe((change) => {
        heard.push(change);
        resolve();
      });
    });
    const operator = operatorOf(redisUrl);
    for (const message of ['', 'x', 's3/a nothex', `a b ${ID.sha256}`])
      await operator.publish(`${keyPrefix}:changes`, message);
    await store.drop(ID);
    await until(() => heard.length > 1);
    expect(heard).toEqual([{ type: 'lost' }, { type: 'changed', id: ID, pending: false }]);
  });
});
