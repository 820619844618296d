import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire, fetchThrough } from '@cloud-mirror/testing/fetch';
import type { Program } from '@cloud-mirror/testing/program';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';
import { fresh, FaultRig } from './support/fault-rig.ts';
import { reportFailures } from './support/report-failures.ts';

let rig: FaultRig;
let frontend: Program;
let copier: Program;
let operator: Redis;
let seed = 0;

const links = () => [rig.frontendLinks.redis, rig.copierLinks.redis];
const allLinks = async (mode: Parameters<FaultRig['originLink']['set']>[0]): Promise<void> => {
  for (const link of links()) await link.set(mode);
};

function operatorOf(server: RedisServer): Redis {
  const client = new Redis(server.url);
  client.on('error', () => undefined);
  return client;
}

reportFailures(() => rig);
beforeAll(async () => {
  rig = await FaultRig.start();
  operator = operatorOf(rig.redis);
  [frontend, copier] = await Promise.all([rig.startFrontend(), rig.startCopier()]);
  await rig.copyOf(frontend, fresh('/bytes/10'));
});
afterAll(async () => {
  operator?.disconnect();
  await rig?.[Symbol.asyncDispose]();
});
/** After every fault: no process has died, and copies are made again without help. */
afterEach(async () => {
  const path = fresh('/bytes/900');
  const { redirect } = await eventually(async () => {
    const fetched = await fetchThrough(rig.redirectUrl(frontend, path));
    return fetched.location.startsWith(rig.originUrl('/')) ? null : fetched;
  });
  expect(redirect.status).toBe(302);
  // A copy that was found without Redis gets its entry by the next request after Redis is back.
  await eventually(async () => {
    await rig.ask(frontend, path);
    return (await rig.entry(frontend, path))?.['state'] === 'present';
  });
  expect((await fetchOnWire(frontend.url('/livez'))).status).toBe(200);
  await eventually(async () => {
    const ready = (await fetchOnWire(frontend.url('/readyz'))).json();
    expect(ready).toMatchObject({ status: 'ready', failing: [] });
    return true;
  });
  expect(copier.logs.some((line) => line['msg'] === 'stopped')).toBe(false);
});

type Fault = readonly [what: string, begin: () => unknown, end: () => unknown];

describe.each<Fault>([
  ['down', () => allLinks({ kind: 'refuse' }), () => allLinks({ kind: 'pass' })],
  ['resetting connections (RST)', () => allLinks({ kind: 'reset' }), () => allLinks({ kind: 'pass' })],
  ['closing connections (FIN)', () => allLinks({ kind: 'cut' }), () => allLinks({ kind: 'pass' })],
  ['hung', () => rig.redis.signal('SIGSTOP'), () => rig.redis.signal('SIGCONT')],
  [
    'unreachable without errors (blackhole)',
    () => allLinks({ kind: 'blackhole' }),
    () => allLinks({ kind: 'pass' }),
  ],
  [
    'read-only',
    () => operator.call('REPLICAOF', '127.0.0.1', '1'),
    () => operator.call('REPLICAOF', 'NO', 'ONE'),
  ],
  ['full', () => operator.config('SET', 'maxmemory', '1'), () => operator.config('SET', 'maxmemory', '0')],
])('Redis %s', (_fault, begin, end) => {
  test('every request gets a redirect in time: to the copy found by HEAD, or to the origin; copies continue', async () => {
    const known = fresh('/bytes/700');
    const stored = await rig.copyOf(frontend, known);
    await begin();
    try {
      const hit = await rig.askTimely(frontend, known);
      expect(rig.leadsToCopy(hit)).toBe(true);
      expect((await fetchOnWire(hit.headers['location'] ?? '')).bytes.equals(stored)).toBe(true);
      const missing = fresh('/bytes/800');
      const miss = await rig.askTimely(frontend, missing);
      expect(miss.headers['location']).toBe(rig.originUrl(missing));
      // A job is sent nevertheless, and a worker without Redis makes the copy.
      await eventually(async () => (await rig.copies(missing)) === 1);
      const found = await eventually(async () => {
        const answer = await rig.askTimely(frontend, missing);
        return rig.leadsToCopy(answer) ? answer : null;
      });
      expect(found.headers['cache-status']).toBe('cloud-mirror; hit');
      const ready = await fetchOnWire(frontend.url('/readyz'));
      expect(ready.status).toBe(200);
    } finally {
      await end();
    }
  });
});

describe('Redis unreachable for the workers only', () => {
  test('their copies are committed when it is back: no request waits for the end of a claim', async () => {
    const path = fresh('/bytes/650');
    await rig.copierLinks.redis.set({ kind: 'refuse' });
    try {
      const answer = await rig.askTimely(frontend, path);
      expect(answer.headers['location']).toBe(rig.originUrl(path));
      await eventually(async () => (await rig.copies(path)) === 1);
      expect(await rig.entry(frontend, path)).toMatchObject({ state: 'pending' });
    } finally {
      await rig.copierLinks.redis.set({ kind: 'pass' });
    }
    expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
    expect(rig.origin.count('GET', path)).toBe(1);
  });
});

describe('Redis flushed during a copy', () => {
  test('the copy is committed nevertheless', async () => {
    const path = fresh('/bytes/200000');
    using hold = rig.origin.hold(path, { afterBytes: 100_000 });
    const waiting = rig.ask(frontend, path);
    await hold.arrived;
    await operator.flushall();
    hold.release();
    expect(rig.leadsToCopy(await waiting)).toBe(true);
    expect(await rig.copyOf(frontend, path)).toEqual(rig.origin.bodyOf(path).bytes());
    expect(rig.origin.count('GET', path)).toBe(1);
  });

  test('all known copies are found again by HEAD, without the origin', async () => {
    const path = fresh('/bytes/600');
    await rig.copyOf(frontend, path);
    await operator.flushall();
    expect(rig.leadsToCopy(await rig.askTimely(frontend, path))).toBe(true);
    expect(rig.origin.count('GET', path)).toBe(1);
  });
});

describe('Redis replaced by one without the newest writes', () => {
  /** A copy of Redis as it is now, without replication of later writes. */
  async function snapshot(): Promise<RedisServer> {
    const args = ['--replicaof', '127.0.0.1', String(rig.redis.port)];
    const server = await startRedis({ path: inject('servers').redisServerPath, args });
    const client = operatorOf(server);
    await eventually(async () => (await client.info('replication')).includes('master_link_status:up'));
    await client.call('REPLICAOF', 'NO', 'ONE');
    client.disconnect();
    return server;
  }

  const lead = (server: { port: number }): void => {
    for (const link of links()) {
      link.retarget({ host: '127.0.0.1', port: server.port });
      link.drop('reset');
    }
  };

  test('restored from an old snapshot: copies purged since do not come back', async () => {
    const name = `artifact-${++seed}`;
    const path = `/mutable/${name}`;
    rig.origin.set(name, Buffer.from('old'));
    expect((await rig.copyOf(frontend, path)).toString()).toBe('old');
    const before = (await rig.ask(frontend, path)).headers['location'];
    await using old = await snapshot();
    rig.origin.set(name, Buffer.from('new'));
    expect((await rig.operate(frontend, 'purge', path)).status).toBe(204);
    lead(old);
    try {
      for (let time = 0; time < 20; time += 1) {
        const answer = await rig.askTimely(frontend, path);
        expect(answer.headers['location']).not.toBe(before);
      }
      expect((await rig.copyOf(frontend, path)).toString()).toBe('new');
    } finally {
      lead(rig.redis);
    }
  });

  test('failing over during a copy, with leases and entries lost: the copy is made and found', async () => {
    const path = fresh('/bytes/300000');
    await using other = await snapshot();
    using hold = rig.origin.hold(path, { afterBytes: 100_000 });
    await rig.ask(frontend, path, { headers: { prefer: 'wait=0' } });
    await hold.arrived;
    lead(other);
    try {
      hold.release();
      expect(await rig.copyOf(frontend, path)).toEqual(rig.origin.bodyOf(path).bytes());
      expect(await rig.copies(path)).toBe(1);
    } finally {
      lead(rig.redis);
    }
  });
});
