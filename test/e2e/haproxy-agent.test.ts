import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import { freePort } from '@cloud-mirror/testing/free-port';
import { startInstance, type BalancedInstance } from './balanced/balanced-app.ts';
import { openBalancer, untilServers, type Balancer } from './balanced/balancer.ts';
import { request, startLoad } from './balanced/steady-load.ts';

let resources: AsyncDisposableStack;
let balancer: Balancer;
let port: number;

beforeEach(async () => {
  resources = new AsyncDisposableStack();
  port = await freePort();
});
afterEach(() => resources.disposeAsync());

async function open(haproxy: object = {}): Promise<void> {
  balancer = resources.use(await openBalancer({ redisUrl: inject('servers').redisUrl, haproxy }));
}

/** An instance of an app whose port 0 the balancer publishes. */
async function instance(
  {
    app = 'web',
    labels = {},
    at = port,
  }: { app?: string; labels?: Record<string, string>; at?: number } = {},
  apart = false,
): Promise<BalancedInstance> {
  const started = await startInstance(
    { registry: balancer.registry, app, servicePort: at, labels: { HAPROXY_GROUP: 'external', ...labels } },
    apart,
  );
  let isGone = false;
  resources.defer(async () => {
    if (!isGone) await started.vanish();
  });
  return {
    ...started,
    async stop() {
      isGone = true;
      await started.stop();
    },
    async vanish() {
      isGone = true;
      await started.vanish();
    },
  };
}

async function several(count: number, apart = false): Promise<BalancedInstance[]> {
  return Promise.all(Array.from({ length: count }, () => instance({}, apart)));
}

describe('servers come and go', () => {
  test('scaling 1 -> 5 -> 1 fails no request and keeps the process', async () => {
    await open();
    const first = await instance();
    const agent = await balancer.startAgent();
    await untilServers(balancer, 'web_0', [first]);
    const pid = await balancer.pid();
    const load = startLoad(port);
    for (let round = 0; round < 2; round += 1) {
      const others = await several(4);
      await untilServers(balancer, 'web_0', [first, ...others]);
      await Promise.all(others.map((other) => other.stop()));
      await untilServers(balancer, 'web_0', [first]);
    }
    const { answered, failed } = await load.stop();
    expect(failed).toEqual([]);
    expect(answered).toBeGreaterThan(100);
    expect(await balancer.pid()).toBe(pid);
    await eventually(
      async () =>
        ((await balancer.call('show servers state web_0')) ?? '').match(/^\d+ web_0/gm)?.length === 1,
    );
    expect(agent.logs.some(({ msg }) => msg === 'reloaded HAProxy')).toBe(false);
    // The file follows too, for whoever starts HAProxy next.
    await eventually(async () => (await balancer.fileText())?.match(/^ {2}server /gm)?.length === 1);
  });

  test('a rolling replacement of all instances fails no request', async () => {
    await open();
    let running = await several(2);
    await balancer.startAgent();
    await untilServers(balancer, 'web_0', running);
    const load = startLoad(port);
    for (const old of running) {
      const next = await instance();
      running = [...running.filter((one) => one !== old), next];
      await untilServers(balancer, 'web_0', [...running, old]);
      await old.stop();
    }
    await untilServers(balancer, 'web_0', running);
    expect((await load.stop()).failed).toEqual([]);
  });

  test('kill -9 of one of three fails no later request, and it is gone with its lease', async () => {
    await open();
    const [killed, ...others] = (await several(3, true)) as [BalancedInstance, ...BalancedInstance[]];
    await balancer.startAgent();
    await untilServers(balancer, 'web_0', [killed, ...others]);
    const load = startLoad(port);
    await eventually(() => load.answered > 50);
    await killed.vanish();
    const killedAtMs = performance.now();
    await untilServers(balancer, 'web_0', others);
    await eventually(async () => !(await balancer.fileText())?.includes(killed.id));
    const { failed } = await load.stop();
    expect(failed.filter(({ startedAtMs }) => startedAtMs > killedAtMs)).toEqual([]);
  });

  test('unhealthy instances get no requests, unless all of them are', async () => {
    await open();
    const [one, other] = (await several(2)) as [BalancedInstance, BalancedInstance];
    await balancer.startAgent();
    await untilServers(balancer, 'web_0', [one, other]);
    await one.setHealthy(false);
    await untilServers(balancer, 'web_0', [other]);
    await other.setHealthy(false);
    await untilServers(balancer, 'web_0', [one, other]);
    expect(await request({ port })).toBe('200');
    await one.setHealthy(true);
    await untilServers(balancer, 'web_0', [one]);
  });

  test.each(['source', 'uri', 'random', 'leastconn'])(
    'balance %s and stick tables need no reload either',
    async (balance) => {
      await open();
      const labels = { HAPROXY_0_BALANCE: balance, HAPROXY_0_STICKY: 'true' };
      const first = await instance({ labels });
      await balancer.startAgent();
      await untilServers(balancer, 'web_0', [first]);
      const pid = await balancer.pid();
      const load = startLoad(port);
      await eventually(() => load.answered > 20);
      const second = await instance({ labels });
      await untilServers(balancer, 'web_0', [first, second]);
      await first.stop();
      await untilServers(balancer, 'web_0', [second]);
      expect((await load.stop()).failed).toEqual([]);
      expect(await balancer.pid()).toBe(pid);
    },
  );
});

describe('reloads', () => {
  test('a new app, a changed label and a host name are reloaded under load without a failed request', async () => {
    await open();
    await instance();
    const agent = await balancer.startAgent();
    await eventually(async () => (await request({ port })) === '200');
    const pid = await balancer.pid();
    const load = startLoad(port);
    const otherPort = await freePort();
    const other = await instance({ app: 'other', at: otherPort });
    await eventually(async () => (await request({ port: otherPort })) === '200');
    await instance({
      app: 'other',
      at: otherPort,
      labels: { HAPROXY_0_VHOST: 'other.example', HAPROXY_0_PATH: '/o' },
    });
    const asked = { port: balancer.httpPort, headers: { host: 'OTHER.example:80' } };
    await eventually(async () => (await request({ ...asked, path: '/o/x' })) === '200');
    expect(await request({ ...asked, path: '/ox' })).toBe('503');
    await other.stop();
    const { failed } = await load.stop();
    expect(failed).toEqual([]);
    expect(await balancer.pid()).not.toBe(pid);
    expect(agent.logs.filter(({ msg }) => msg === 'reloaded HAProxy')).not.toHaveLength(0);
    expect(await balancer.masterPid()).not.toBeNull();
  });

  test('two balancers write the same file, byte for byte', async () => {
    await open();
    const { redisUrl } = inject('servers');
    const keyPrefix = `test-${randomUUID()}`;
    // What is written names the socket, so both have the same. Nothing listens there: HAProxy is not started.
    const haproxy = { start: false, httpPort: 80, socket: '/tmp/no-haproxy.sock' };
    const balancers = await Promise.all(
      [1, 2].map(async () => {
        const one = resources.use(await openBalancer({ redisUrl, keyPrefix, haproxy }));
        const { registry } = one;
        const labels = { HAPROXY_0_VHOST: 'h.example' };
        const started = await startInstance({ registry, app: 'web', servicePort: 8080, labels });
        resources.defer(() => started.vanish());
        await one.startAgent();
        return one;
      }),
    );
    await eventually(async () => {
      const [one, other] = await Promise.all(balancers.map((each) => each.fileText()));
      return one?.match(/^ {2}server /gm)?.length === 2 && one === other;
    });
  });
});
