import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';
import { EntryStoreError } from '../src/entry-store.ts';
import { RedisEntryStore, type RedisEntryStoreOptions } from '../src/redis/redis-entry-store.ts';
import { claimOf, describeEntryStore, objectIn, until } from '@cloud-mirror/entry-store/contract';

const ID = objectIn('s3/us-west-1');
const PREFIX = 'cloud-mirror';
const DOCUMENT = new URL('../../../docs/deploy/redis.md', import.meta.url);

/** The documented rule, without the command and the name of the user. */
const DOCUMENTED =
  /^ACL SETUSER cloud-mirror (.*)$/m.exec(readFileSync(DOCUMENT, 'utf8'))?.[1]?.split(' ') ?? [];

let server: RedisServer;
let operator: Redis;
beforeAll(async () => {
  server = await startRedis();
  operator = new Redis(server.url);
});
afterAll(async () => {
  operator.disconnect();
  await server.stop();
});

let opened = new AsyncDisposableStack();
afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});

function storeAt(
  connection: RedisEntryStoreOptions['connection'],
  options: Partial<RedisEntryStoreOptions> = {},
): RedisEntryStore {
  const wide = { keyPrefix: PREFIX, commandTimeoutMs: 10_000 };
  return opened.use(new RedisEntryStore({ connection, ...wide, ...options }));
}

/** Creates a user with the documented rule for `prefix`, changed by `changes`. @returns the user's name */
async function userWith(changes: readonly string[] = [], prefix = PREFIX): Promise<string> {
  const user = `u-${randomUUID()}`;
  const rule = DOCUMENTED.map((part) => part.replace('cloud-mirror:', `${prefix}:`));
  await operator.call('ACL', 'SETUSER', user, ...rule, ...changes);
  return user;
}

const PASSWORD = DOCUMENTED.find((part) => part.startsWith('>'))?.slice(1) ?? '';

async function refusedBy(check: Promise<void>): Promise<EntryStoreError> {
  const error: unknown = await check.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EntryStoreError);
  return error as EntryStoreError;
}

describeEntryStore('RedisEntryStore with the documented ACL rule', async () => {
  const keyPrefix = `t-${randomUUID()}`;
  const access = { username: await userWith([], keyPrefix), password: PASSWORD };
  const options = { connection: { url: server.url, access }, keyPrefix, commandTimeoutMs: 10_000 };
  const [store, other] = [new RedisEntryStore(options), new RedisEntryStore(options)];
  await store.check();
  return {
    store,
    other,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([store[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
    },
  };
});

describe('the access check', () => {
  test('needs no permission that the documented rule lacks, and neither does the subscription', async () => {
    await operator.call('ACL', 'LOG', 'RESET');
    const access = { username: await userWith(), password: PASSWORD, db: 3 };
    const store = storeAt({ url: server.url, access });
    const stands = Promise.withResolvers<undefined>();
    store.subscribe(() => stands.resolve(undefined));
    await stands.promise;
    await store.check();
    expect(await operator.call('ACL', 'LOG')).toEqual([]);
  });

  test('leaves no key behind', async () => {
    const store = storeAt({ url: server.url, access: { db: 5 } });
    await store.check();
    const inFive = new Redis(server.url, { db: 5 });
    opened.defer(() => inFive.disconnect());
    expect(await inFive.dbsize()).toBe(0);
  });

  test.each<readonly [lacks: string, change: string]>([
    ['no channels', 'resetchannels'],
    ['no channels of this prefix', 'resetchannels &other:changes'],
    ['no keys', 'resetkeys'],
    ['keys of another prefix', 'resetkeys ~{other:*'],
    ['keys without the brace', 'resetkeys ~cloud-mirror:*'],
    ['read-only keys', 'resetkeys %R~{cloud-mirror:*'],
    ...'get mget set del unlink scan eval evalsha time publish'
      .split(' ')
      .map((command) => [`no ${command}`, `-${command}`] as const),
  ])('rejects with NOPERM for a user with %s', async (_name, change) => {
    const access = { username: await userWith(change.split(' ')), password: PASSWORD };
    const { refusal, message } = await refusedBy(storeAt({ url: server.url, access }).check());
    expect(refusal?.word).toBe('NOPERM');
    expect(refusal?.advice).toContain('docs/deploy/redis.md');
    expect(message).not.toContain(PASSWORD);
  });

  test.each([['-subscribe'], ['resetchannels']])(
    'rejects with NOPERM for a user that may not subscribe: %s',
    async (change) => {
      const access = { username: await userWith([change]), password: PASSWORD };
      const failures: Error[] = [];
      const onError = (error: Error): void => void failures.push(error);
      const store = storeAt({ url: server.url, access }, { onError });
      store.subscribe(() => undefined);
      await until(() => failures.some(({ message }) => message.includes('NOPERM')));
      expect((await refusedBy(store.check())).refusal?.word).toBe('NOPERM');
    },
  );
});

describe('the reason of a refusal', () => {
  test.each([
    ['a wrong password', { username: 'default', password: 'wrong' }, 'WRONGPASS'],
    ['an unknown user', { username: 'nobody', password: 'wrong' }, 'WRONGPASS'],
    ['an unknown database', { db: 99 }, 'NODB'],
  ])('is recognized for %s', async (_name, access, word) => {
    const guarded = opened.use(await startRedis());
    const client = new Redis(guarded.url);
    await client.config('SET', 'requirepass', 'right');
    client.disconnect();
    const allowed = { password: 'right', ...access };
    const failures: Error[] = [];
    const onError = (error: Error): void => void failures.push(error);
    const store = storeAt({ url: guarded.url, access: allowed }, { onError });
    expect((await refusedBy(store.check())).refusal?.word).toBe(word);
    // The claim must fail too, and not be written to another database.
    const claimed: unknown = await store.claim(ID, claimOf('a')).catch((error: unknown) => error);
    expect(claimed).toMatchObject({ refusal: { word } });
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.map(({ message }) => message).join()).not.toMatch(/wrong|right/);
  });

  test('is NOAUTH if the server requires credentials and none are configured', async () => {
    const guarded = opened.use(await startRedis());
    const client = new Redis(guarded.url);
    await client.config('SET', 'requirepass', 'right');
    client.disconnect();
    expect((await refusedBy(storeAt({ url: guarded.url }).check())).refusal?.word).toBe('NOAUTH');
  });

  test.each([
    ['-DENIED Redis is running in protected mode because protected mode is enabled', 'DENIED'],
    ['-ERR max number of clients reached', 'MAXCLIENTS'],
    ["-ERR unknown command 'HELLO', with args beginning with: '3'", null],
  ])('is recognized in the reply %s', async (reply, word) => {
    const closing = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(`${reply}\r\n`);
    });
    closing.listen(0, '127.0.0.1');
    await once(closing, 'listening');
    opened.defer(() => void closing.close());
    const { port } = closing.address() as AddressInfo;
    const error = await refusedBy(storeAt({ url: `redis://127.0.0.1:${port}` }).check());
    expect(error.refusal?.word ?? null).toBe(word);
  });

  test('goes away once an operator grants the permission', async () => {
    const username = await userWith(['resetchannels']);
    const store = storeAt({ url: server.url, access: { username, password: PASSWORD } });
    await refusedBy(store.check());
    await operator.call('ACL', 'SETUSER', username, '&cloud-mirror:changes');
    await expect(store.check()).resolves.toBeUndefined();
  });
});
