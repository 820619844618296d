import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endWithParent } from '@cloud-mirror/testing/end-with-parent';
import { eventually } from '@cloud-mirror/testing/eventually';
import { freePort } from '@cloud-mirror/testing/free-port';
import type { ConfigObject } from '@cloud-mirror/testing/mirror-config';
import { redisServerPath } from '@cloud-mirror/testing/server-programs';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';
import { FaultRig, fresh } from '../support/fault-rig.ts';
import { reportFailures } from '../support/report-failures.ts';

let opened: AsyncDisposableStack;
let rig: FaultRig | undefined;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(async () => {
  await rig?.[Symbol.asyncDispose]();
  await opened.disposeAsync();
});
reportFailures(() => rig);

const WAIT = { timeoutMs: 60_000, intervalMs: 200 };

async function ask<T>(port: number, command: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({ host: '127.0.0.1', port, commandTimeout: 3_000 });
  client.on('error', () => undefined);
  try {
    return await command(client);
  } finally {
    client.disconnect();
  }
}

const info = (port: number): Promise<string> => ask(port, (client) => client.info('replication'));

async function startRig(redisTopology: ConfigObject): Promise<FaultRig> {
  rig = await FaultRig.start({ redisTopology });
  return rig;
}

/**
 * The primary is lost while a copy is held up. The copy is made nevertheless, known copies are served meanwhile, and a
 * copy purged before does not come back.
 */
async function survives(mirror: FaultRig, lose: () => Promise<void>): Promise<void> {
  const [frontend] = await Promise.all([mirror.startFrontend(), mirror.startCopier()]);
  const known = fresh('/bytes/3000');
  await mirror.copyOf(frontend, known);
  mirror.origin.set('purged', Buffer.from('old'));
  expect((await mirror.copyOf(frontend, '/mutable/purged')).toString()).toBe('old');
  const inFlight = fresh('/bytes/300000');
  using hold = mirror.origin.hold(inFlight, { afterBytes: 100_000 });
  await mirror.ask(frontend, inFlight, { headers: { prefer: 'wait=0' } });
  await hold.arrived;
  mirror.origin.set('purged', Buffer.from('new'));
  expect((await mirror.operate(frontend, 'purge', '/mutable/purged')).status).toBe(204);

  await lose();
  hold.release();
  for (let time = 0; time < 20; time += 1) {
    await mirror.askTimely(frontend, fresh('/bytes/100'), 0);
    expect(mirror.leadsToCopy(await mirror.askTimely(frontend, known, 1))).toBe(true);
  }
  expect((await mirror.copyOf(frontend, inFlight)).equals(mirror.origin.bodyOf(inFlight).bytes())).toBe(true);
  expect((await mirror.copyOf(frontend, '/mutable/purged')).toString()).toBe('new');
  const later = fresh('/bytes/4000');
  await eventually(async () => {
    expect(mirror.leadsToCopy(await mirror.ask(frontend, later))).toBe(true);
    expect(await mirror.entry(frontend, later)).toMatchObject({ state: 'present' });
    return true;
  }, WAIT);
}

describe('Redis behind Sentinels', () => {
  test('the primary dies during a copy: another takes over, copies are made and found', async () => {
    const primary = opened.use(await startRedis());
    const replica = opened.use(
      await startRedis({ args: ['--replicaof', '127.0.0.1', String(primary.port)] }),
    );
    await eventually(async () => (await info(replica.port)).includes('master_link_status:up'), WAIT);
    const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(primary.port)));
    for (const port of sentinels) {
      await eventually(async () => {
        const others = await ask(port, (client) => client.call('SENTINEL', 'SENTINELS', 'entries'));
        const replicas = await ask(port, (client) => client.call('SENTINEL', 'REPLICAS', 'entries'));
        return (others as unknown[]).length === 2 && (replicas as unknown[]).length === 1;
      }, WAIT);
    }
    const nodes = sentinels.map((port) => `127.0.0.1:${port}`);
    const mirror = await startRig({ sentinels: { name: 'entries', nodes } });
    await survives(mirror, async () => {
      primary.signal('SIGKILL');
      await primary.exit;
    });
    expect(await info(replica.port)).toContain('role:master');
  });
});

describe('Redis as a cluster of three', () => {
  test('a primary dies during a copy: its replica takes over, copies are made and found', async () => {
    const { primaries, replicas } = await startCluster();
    const nodes = [...primaries, ...replicas].map(({ port }) => `127.0.0.1:${port}`);
    const mirror = await startRig({ cluster: nodes });
    await survives(mirror, async () => {
      primaries[0]?.signal('SIGKILL');
      await primaries[0]?.exit;
    });
  });
});

async function startSentinel(primaryPort: number): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'test-sentinel-'));
  const port = await freePort();
  const file = join(directory, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${directory}`,
    `sentinel monitor entries 127.0.0.1 ${primaryPort} 2`,
    'sentinel down-after-milliseconds entries 1000',
    'sentinel failover-timeout entries 3000',
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const child = spawn(await redisServerPath(), [file, '--sentinel'], { stdio: 'ignore' });
  endWithParent(child);
  opened.defer(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await rm(directory, { recursive: true, force: true });
  });
  return port;
}

const SLOTS = [
  [0, 5_460],
  [5_461, 10_922],
  [10_923, 16_383],
] as const;

/** Three primaries, each with a replica. */
async function startCluster(): Promise<{ primaries: RedisServer[]; replicas: RedisServer[] }> {
  const servers = await Promise.all(
    Array.from({ length: 6 }, async () => {
      // By default the cluster bus port is 10,000 higher, which may not exist.
      const args = [
        '--cluster-enabled',
        'yes',
        '--cluster-node-timeout',
        '1500',
        '--cluster-port',
        String(await freePort()),
      ];
      return opened.use(await startRedis({ args }));
    }),
  );
  const [first, ...others] = servers;
  if (first === undefined) throw new TypeError('six servers were started');
  for (const [index, [from, to]] of SLOTS.entries())
    await ask(servers[index]?.port ?? 0, (client) =>
      client.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to)),
    );
  for (const [index, server] of servers.entries())
    await ask(server.port, (client) => client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1)));
  for (const server of others) {
    const bus = await ask(server.port, (client) => client.config('GET', 'cluster-port'));
    await ask(first.port, (client) =>
      client.call('CLUSTER', 'MEET', '127.0.0.1', String(server.port), bus[1] ?? ''),
    );
  }
  const state = (port: number): Promise<string> =>
    ask(port, async (client) => String(await client.call('CLUSTER', 'INFO')));
  for (const { port } of servers)
    await eventually(async () => (await state(port)).includes('cluster_known_nodes:6'), WAIT);
  const [primaries, replicas] = [servers.slice(0, 3), servers.slice(3)];
  for (const [index, replica] of replicas.entries()) {
    const id = await ask(primaries[index]?.port ?? 0, (client) => client.call('CLUSTER', 'MYID'));
    await eventually(
      () => ask(replica.port, (client) => client.call('CLUSTER', 'REPLICATE', String(id))),
      WAIT,
    );
  }
  for (const { port } of servers)
    await eventually(async () => (await state(port)).includes('cluster_state:ok'), WAIT);
  for (const { port } of replicas)
    await eventually(async () => (await info(port)).includes('master_link_status:up'), WAIT);
  return { primaries, replicas };
}
