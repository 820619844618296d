import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import { freePort } from '@cloud-mirror/testing/free-port';
import { startRedis } from '@cloud-mirror/testing/redis-server';
import { startInstance, type BalancedInstance } from './balanced/balanced-app.ts';
import { openBalancer, untilServers, type Balancer } from './balanced/balancer.ts';
import { request, startLoad } from './balanced/steady-load.ts';

let resources: AsyncDisposableStack;
let port: number;

beforeEach(async () => {
  resources = new AsyncDisposableStack();
  port = await freePort();
});
afterEach(() => resources.disposeAsync());

async function open(haproxy: object = {}, redisUrl = inject('servers').redisUrl): Promise<Balancer> {
  return resources.use(await openBalancer({ redisUrl, haproxy }));
}

async function instance(
  { registry }: Balancer,
  options: { app?: string; at?: number; labels?: Record<string, string> } = {},
): Promise<BalancedInstance> {
  const { app = 'web', at = port, labels = {} } = options;
  const started = await startInstance({
    registry,
    app,
    servicePort: at,
    labels: { HAPROXY_GROUP: 'external', ...labels },
  });
  resources.defer(() => started.vanish());
  return started;
}

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'after %s of the agent HAProxy goes on, and the next agent adopts it',
  async (signal) => {
    const balancer = await open();
    const first = await instance(balancer);
    const agent = await balancer.startAgent();
    await untilServers(balancer, 'web_0', [first]);
    const pid = await balancer.pid();
    const load = startLoad(port);
    agent.signal(signal);
    await agent.exit;
    const second = await instance(balancer);
    const next = await balancer.startAgent();
    await untilServers(balancer, 'web_0', [first, second]);
    await eventually(async () => (await balancer.fileText())?.includes(second.id));
    expect((await load.stop()).failed).toEqual([]);
    expect(await balancer.pid()).toBe(pid);
    expect(next.logs.map(({ msg }) => msg)).not.toContain('started HAProxy');
  },
);

test('a HAProxy that was killed is started again with the same servers', async () => {
  const balancer = await open();
  const instances = [await instance(balancer), await instance(balancer)];
  await balancer.startAgent();
  await untilServers(balancer, 'web_0', instances);
  const master = await balancer.masterPid();
  if (master === null) throw new Error('there is no master');
  process.kill(master, 'SIGKILL');
  await eventually(async () => {
    const now = await balancer.masterPid();
    return now !== null && now !== master;
  });
  await untilServers(balancer, 'web_0', instances);
});

test('a HAProxy that somebody restarts or changes by hand is compared and mended', async () => {
  const balancer = await open();
  const instances = [await instance(balancer), await instance(balancer)] as const;
  await balancer.startAgent();
  await untilServers(balancer, 'web_0', instances);
  await balancer.call(`set server web_0/${instances[0].id} state maint`);
  await balancer.call(`set server web_0/${instances[1].id} addr 127.0.0.9`);
  await untilServers(balancer, 'web_0', instances);
  expect(await request({ port })).toBe('200');
});

test('templates with an error are named and left as they were, while apps go on to follow', async () => {
  const balancer = await open();
  const template = join(balancer.folder, 'templates', 'extra');
  const first = await instance(balancer);
  const agent = await balancer.startAgent();
  await untilServers(balancer, 'web_0', [first]);
  await writeFile(template, 'listen extra\n  bind 127.0.0.1:1\n  no-such-keyword\n');
  const line = await agent.log(({ msg }) => msg === 'HAProxy does not follow');
  expect(JSON.stringify(line['err'])).toMatch(/no-such-keyword/);
  const health = await (await fetch(agent.url('/readyz'))).json();
  expect(health).toMatchObject({ status: 'degraded', failing: ['haproxy'] });
  const second = await instance(balancer);
  await untilServers(balancer, 'web_0', [first, second]);
  await eventually(async () => (await balancer.fileText())?.includes(second.id));
  expect(await balancer.fileText()).not.toContain('no-such-keyword');

  const extraPort = await freePort();
  await writeFile(
    template,
    `listen extra\n  mode http\n  bind 127.0.0.1:${extraPort}\n  http-request return status 204\n`,
  );
  await eventually(async () => (await request({ port: extraPort })) === '204');
  await agent.log(({ msg }) => msg === 'HAProxy follows again');
});

test.each([
  ['does not parse', { HAPROXY_0_MODE: 'ftp' }, /HAPROXY_0_MODE is "ftp"/],
  [
    'HAProxy refuses',
    { HAPROXY_0_SSL_CERT: '/nowhere/cert.pem' },
    /HAProxy refuses it: .*\/nowhere\/cert\.pem/,
  ],
])('an app with a label that %s is left out and named, the others follow', async (_, labels, reason) => {
  const balancer = await open();
  await instance(balancer, { app: 'faulty', at: await freePort(), labels });
  const good = await instance(balancer);
  const agent = await balancer.startAgent();
  await untilServers(balancer, 'web_0', [good]);
  const line = await agent.log(({ msg }) => msg === 'left out of the load balancer');
  expect(line).toMatchObject({ app: 'faulty', reason: expect.stringMatching(reason) as string });
  const shown = await (await fetch(agent.url('/v1/haproxy'))).json();
  expect(shown).toMatchObject({ isRunning: true, failure: null, faults: [{ app: 'faulty' }] });
  const next = await instance(balancer);
  await untilServers(balancer, 'web_0', [good, next]);
});

test('nothing is written before the registry was read, and HAProxy goes on while it cannot be', async () => {
  const redisPort = await freePort();
  const balancer = await open({}, `redis://127.0.0.1:${redisPort}`);
  await writeFile(balancer.file, 'as it was\n');
  const agent = await balancer.startAgent();
  await agent.log(({ msg }) => msg === 'failed');
  expect(await balancer.fileText()).toBe('as it was\n');
  expect(await balancer.pid()).toBeNull();

  const redis = resources.use(await startRedis({ port: redisPort }));
  const first = await instance(balancer);
  await untilServers(balancer, 'web_0', [first]);
  await redis.stop();
  await agent.log(({ msg, err }) => msg === 'failed' && JSON.stringify(err).includes('registry'));
  expect(await balancer.servers('web_0')).toHaveLength(1);
  expect(await request({ port })).toBe('200');
});

test('without start, the file is written and the command reloads a HAProxy of others', async () => {
  const folder = await mkdirIn(resources);
  const marker = join(folder, 'reloads');
  const balancer = await open({ start: false, reloadCommand: `echo reload >> ${marker}` });
  const first = await instance(balancer);
  const agent = await balancer.startAgent();
  await eventually(async () => (await balancer.fileText())?.includes(first.id));
  const reloads = () => agent.logs.filter(({ msg }) => msg === 'reloaded HAProxy').length;
  await eventually(() => reloads() === 1);
  expect(await balancer.pid()).toBeNull();
  // Its socket is not reachable here, so a server takes a reload too.
  const second = await instance(balancer);
  await eventually(async () => (await balancer.fileText())?.includes(second.id));
  await eventually(() => reloads() === 2);
  expect((await readFile(marker, 'utf8')).split('\n')).toHaveLength(3);
});

test('a missing HAProxy is a fault of the configuration that says how to get it', async () => {
  const balancer = await open({ binary: 'no-such-haproxy' });
  await expect(balancer.startAgent()).rejects.toThrow(/discovery\.haproxy\.binary.*install HAProxy 2\.6/s);
});

async function mkdirIn(stack: AsyncDisposableStack): Promise<string> {
  const folder = join('/tmp', `hap-reloads-${process.pid}-${Math.random().toString(36).slice(2)}`);
  await mkdir(folder);
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
