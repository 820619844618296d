import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { freePort } from '@cloud-mirror/testing/free-port';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';
import type { RedisConnection } from '@cloud-mirror/redis';
import { RedisEntryStore } from '../src/redis/redis-entry-store.ts';
import {
  claimOf,
  describeEntryStore,
  objectIn,
  until,
  untilItAnswers,
} from '@cloud-mirror/entry-store/contract';

const { redisServerPath } = inject('servers');
const WIDE_MS = 10_000;
const opened = new AsyncDisposableStack();
afterAll(() => opened.disposeAsync());

function storeAt(connection: RedisConnection, keyPrefix = `test-${randomUUID()}`): RedisEntryStore {
  return new RedisEntryStore({ connection, keyPrefix, commandTimeoutMs: WIDE_MS });
}

function operatorOf(server: RedisServer): Redis {
  const client = new Redis(server.url);
  client.on('error', () => undefined);
  opened.defer(() => client.disconnect());
  return client;
}

/** Two primaries with half of the slots each. The default cluster bus port, 10,000 higher, could be above 65535. */
async function startCluster(): Promise<readonly string[]> {
  const servers: RedisServer[] = [];
  for (const [first, last] of [
    [0, 8_191],
    [8_192, 16_383],
  ] as const) {
    const args = ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())];
    const server = opened.use(await startRedis({ args }));
    servers.push(server);
    await operatorOf(server).call('CLUSTER', 'ADDSLOTSRANGE', String(first), String(last));
    await operatorOf(server).call('CLUSTER', 'SET-CONFIG-EPOCH', String(servers.length));
  }
  const [one, two] = servers;
  if (one === undefined || two === undefined) throw new TypeError('two servers were started');
  const bus = String(await operatorOf(two).config('GET', 'cluster-port')).split(',')[1] ?? '';
  await operatorOf(one).call('CLUSTER', 'MEET', '127.0.0.1', String(two.port), bus);
  for (const server of servers) {
    await until(async () => {
      const info = String(await operatorOf(server).call('CLUSTER', 'INFO'));
      return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:2');
    });
  }
  return servers.map((server) => `127.0.0.1:${server.port}`);
}

let cluster: readonly string[] = [];
beforeAll(async () => {
  cluster = await startCluster();
});

describeEntryStore('RedisEntryStore on a cluster', async () => {
  const keyPrefix = `test-${randomUUID()}`;
  const store = storeAt({ cluster }, keyPrefix);
  const other = storeAt({ cluster: cluster.toReversed() }, keyPrefix);
  return {
    store,
    other,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([store[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
    },
  };
});

/** Adds the user `app` to every server, with the permissions of docs/deploy/redis.md and `more`. */
async function addUser(urls: readonly string[], ...more: readonly string[]): Promise<void> {
  const rule =
    'on >p#w/?@% ~{t:* &t:changes -@all +get +mget +set +del +unlink +scan +eval +evalsha +time +publish +subscribe +ping +info +select +quit';
  for (const url of urls) {
    const client = new Redis(`redis://${url}`);
    await client.call('ACL', 'SETUSER', 'app', ...rule.split(' '), ...more);
    client.disconnect();
  }
}

test('a cluster uses the configured user and password, and needs only the documented permissions', async () => {
  await addUser(cluster, '+cluster');
  await using store = storeAt({ cluster, access: { username: 'app', password: 'p#w/?@%' } }, 't');
  await untilItAnswers(store);
  for (let index = 0; index < 20; index += 1)
    expect(await store.claim(objectIn('s3/a'), claimOf('a'))).toMatchObject({ claimed: true });
  await using stranger = storeAt({ cluster, access: { username: 'app', password: 'wrong' } }, 't');
  await expect(stranger.check()).rejects.toMatchObject({ refusal: { word: 'WRONGPASS' } });
});

test('a key of another type on a cluster counts as absent and can be claimed', async () => {
  await using store = storeAt({ cluster }, 't');
  await untilItAnswers(store);
  const id = objectIn('s3/a');
  const client = new Cluster(cluster.map((node) => `redis://${node}`));
  opened.defer(() => client.disconnect());
  await client.rpush(`{t:${id.backend}:${id.sha256}}`, 'a');
  expect(await store.get(id)).toBeNull();
  expect(await store.claim(id, claimOf('a'))).toMatchObject({ claimed: true });
});

test('an unreachable cluster rejects within the limit', async () => {
  const port = await freePort();
  await using store = storeAt({ cluster: [`127.0.0.1:${port}`] });
  await expect(store.get(objectIn('s3/a'))).rejects.toMatchObject({ code: 'entry_store_unavailable' });
  await expect(store.flush(['s3/a'])).rejects.toMatchObject({ code: 'entry_store_unavailable' });
});

test('concurrent reads work on a cluster of one server behind one address', async () => {
  const args = ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())];
  const server = opened.use(await startRedis({ args }));
  await operatorOf(server).call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
  await until(async () =>
    String(await operatorOf(server).call('CLUSTER', 'INFO')).includes('cluster_state:ok'),
  );
  await using store = storeAt({ url: server.url });
  await untilItAnswers(store);
  const ids = Array.from({ length: 20 }, () => objectIn('s3/a'));
  for (const [index, id] of ids.entries()) await store.claim(id, claimOf(`token ${index}`));
  for (const time of ['first', 'again']) {
    const entries = await Promise.all(ids.map((id) => store.get(id)));
    const tokens = entries.map((entry) => entry?.token);
    expect(tokens, time).toEqual(ids.map((_, index) => `token ${index}`));
  }
});

describe('RedisEntryStore behind Sentinels', () => {
  test('follows a failover to the new primary', async () => {
    const primary = opened.use(await startRedis());
    const replica = opened.use(
      await startRedis({ args: ['--replicaof', '127.0.0.1', String(primary.port)] }),
    );
    const sentinel = await startSentinel(primary.port);
    await using store = storeAt({ sentinels: { name: 'entries', nodes: [`127.0.0.1:${sentinel}`] } });
    const id = objectIn('s3/a');
    await untilItAnswers(store);
    await store.claim(id, claimOf('a'));
    const { epoch } = store;
    const watcher = new Redis({ host: '127.0.0.1', port: sentinel });
    opened.defer(() => watcher.disconnect());
    await until(async () => {
      const replicas = (await watcher.call('SENTINEL', 'REPLICAS', 'entries')) as string[][];
      return replicas.length > 0 && String(replicas[0]).includes('master-link-status,ok');
    });
    await watcher.call('SENTINEL', 'FAILOVER', 'entries');

    await until(async () => {
      const info = await operatorOf(replica).info('replication');
      return info.includes('role:master');
    });
    await primary.stop();
    await until(() =>
      store.claim(objectIn('s3/b'), claimOf('b')).then(
        (result) => result.claimed,
        () => false,
      ),
    );
    expect(store.epoch).toBeGreaterThan(epoch);
  });
});

test('servers behind Sentinels get the configured user, password and database', async () => {
  const primary = opened.use(await startRedis());
  await addUser([`127.0.0.1:${primary.port}`]);
  const sentinel = await startSentinel(primary.port);
  const sentinels = { name: 'entries', nodes: [`127.0.0.1:${sentinel}`] };
  const access = { username: 'app', password: 'p#w/?@%', db: 3 };
  await using store = storeAt({ sentinels, access }, 't');
  await untilItAnswers(store);
  const id = objectIn('s3/a');
  await store.claim(id, claimOf('a'));
  const third = new Redis(primary.url, { db: 3 });
  opened.defer(() => third.disconnect());
  expect(await third.exists(`{t:${id.backend}:${id.sha256}}`)).toBe(1);
});

async function startSentinel(primaryPort: number): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'test-sentinel-'));
  const port = await freePort();
  const file = join(directory, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${directory}`,
    `sentinel monitor entries 127.0.0.1 ${primaryPort} 1`,
    'sentinel down-after-milliseconds entries 1000',
    'sentinel failover-timeout entries 3000',
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const child = spawn(redisServerPath, [file, '--sentinel'], { stdio: 'ignore' });
  opened.defer(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await rm(directory, { recursive: true, force: true });
  });
  return port;
}
