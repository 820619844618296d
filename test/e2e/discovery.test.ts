import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { Resolver } from 'node:dns/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RedisRegistry, type Instance } from '@cloud-mirror/registry';
import { commandLine } from '@cloud-mirror/testing/command-line';
import { runProgram, startProgram, type Program } from '@cloud-mirror/testing/program';
import { startRedis, type RedisServer } from '@cloud-mirror/testing/redis-server';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';

/*
 * Discovery as a process of its own, with the registry in Redis.
 */

const DISCOVERY = 'services/discovery/src/main.ts';
const NAME = 'app01.marathon.plista';

let opened: AsyncDisposableStack;
let redis: RedisServer;
let registry: RedisRegistry;

beforeEach(async () => {
  opened = new AsyncDisposableStack();
  redis = opened.use(await startRedis({ path: inject('servers').redisServerPath }));
  registry = opened.use(
    await RedisRegistry.open({
      connection: { url: redis.url },
      keyPrefix: 'cloud-mirror',
      commandTimeoutMs: 5_000,
      onError: () => undefined,
    }),
  );
});
afterEach(() => opened.disposeAsync());

function config(dns: object = {}): object {
  return {
    entries: { url: redis.url },
    registry: { drainDelaySeconds: 0 },
    discovery: {
      port: 0,
      dns: { enabled: true, port: 0, domain: 'plista', framework: 'marathon', ...dns },
    },
  };
}

async function start(settings = config()): Promise<{ program: Program; resolver: Resolver; dns: string }> {
  const program = opened.use(await startProgram(DISCOVERY, { config: settings }));
  const { dns: listening } = program.ready;
  const dns = typeof listening === 'string' ? listening : '127.0.0.1';
  const resolver = new Resolver({ timeout: 5_000, tries: 2 });
  resolver.setServers([dns]);
  return { program, resolver, dns };
}

function instance(number: number, changes: Partial<Instance> = {}): Instance {
  return {
    id: `01J0000000000000000000000${number}`,
    app: 'app01',
    node: 'machine',
    host: `10.0.0.${number}`,
    ports: [{ name: 'http', port: 31_000 + number, servicePort: 8080 }],
    region: 'us-west-1',
    version: '0.2.0',
    startedAt: '2026-01-01T00:00:00.000Z',
    state: 'running',
    healthy: true,
    why: null,
    labels: {},
    load: null,
    ...changes,
  };
}

const announce = (...all: Instance[]): Promise<unknown> =>
  Promise.all(all.map((each) => registry.announce(each, 300_000)));

const addresses = async (resolver: Resolver): Promise<string[]> =>
  (await resolver.resolve4(NAME).catch(() => [])).sort();

describe('names', () => {
  test('follow the registry: an instance comes, drains and leaves', async () => {
    await announce(instance(1));
    const { resolver } = await start();
    await expect.poll(() => addresses(resolver), { timeout: 20_000 }).toEqual(['10.0.0.1']);
    await announce(instance(2));
    await expect.poll(() => addresses(resolver), { timeout: 20_000 }).toEqual(['10.0.0.1', '10.0.0.2']);
    await announce(instance(1, { state: 'draining' }));
    await expect.poll(() => addresses(resolver), { timeout: 20_000 }).toEqual(['10.0.0.2']);
    await registry.leave(instance(2).id);
    await expect.poll(() => addresses(resolver), { timeout: 20_000 }).toEqual([]);
  });

  test('hold without Redis', async () => {
    await announce(instance(1));
    const { resolver, program } = await start();
    await expect.poll(() => addresses(resolver), { timeout: 20_000 }).toEqual(['10.0.0.1']);
    redis.signal('SIGSTOP');
    await expect
      .poll(async () => (await fetch(program.url('/metrics'))).text(), { timeout: 20_000 })
      .toMatch(/cloud_mirror_dns_registry_age_seconds [2-9]/);
    expect(await addresses(resolver)).toEqual(['10.0.0.1']);
    redis.signal('SIGCONT');
  });

  test('are SERVFAIL after staleSeconds without Redis, and come back with it', async () => {
    await announce(instance(1));
    const { resolver, program } = await start(config({ staleSeconds: 1 }));
    await expect.poll(() => addresses(resolver), { timeout: 20_000 }).toEqual(['10.0.0.1']);
    redis.signal('SIGSTOP');
    const failure = (): Promise<unknown> =>
      resolver.resolve4(NAME).then(
        () => null,
        (error: { code?: string }) => error.code,
      );
    await expect.poll(failure, { timeout: 20_000 }).toBe('ESERVFAIL');
    expect(await (await fetch(program.url('/readyz'))).json()).toEqual({
      status: 'degraded',
      failing: ['registry'],
    });
    redis.signal('SIGCONT');
    await expect.poll(() => addresses(resolver), { timeout: 20_000 }).toEqual(['10.0.0.1']);
  });
});

describe('as JSON', () => {
  test('have the shapes of Mesos-DNS', async () => {
    await announce(instance(1), instance(2));
    const { program, resolver } = await start();
    await expect.poll(() => addresses(resolver), { timeout: 20_000 }).toHaveLength(2);
    const get = async (path: string): Promise<unknown> => (await fetch(program.url(path))).json();
    expect(await get(`/v1/hosts/${NAME}`)).toEqual(
      expect.arrayContaining([
        { host: `${NAME}.`, ip: '10.0.0.1' },
        { host: `${NAME}.`, ip: '10.0.0.2' },
      ]),
    );
    expect(await get('/v1/services/_app01._tcp.marathon.plista.')).toEqual(
      expect.arrayContaining([
        {
          service: '_app01._tcp.marathon.plista.',
          host: expect.stringMatching(/^app01-[a-z]{5}\.marathon\.plista\.$/) as string,
          ip: '10.0.0.1',
          port: '31001',
        },
      ]),
    );
    expect(await get('/v1/hosts/nobody.plista')).toEqual([{ host: '', ip: '' }]);
    expect(await get('/v1/services/_nobody._tcp.plista')).toEqual([
      { service: '', host: '', ip: '', port: '' },
    ]);
    expect((await fetch(program.url('/'))).status).toBe(200);
    expect((await fetch(program.url('/v1/nothing'))).status).toBe(404);
  });

  test('are not there without discovery.dns.enabled', async () => {
    const { program } = await start(config({ enabled: false }));
    const response = await fetch(program.url(`/v1/hosts/${NAME}`));
    expect([response.status, await response.json()]).toMatchObject([404, { code: 'names_disabled' }]);
  });
});

test('discovery announces itself and leaves', async () => {
  const { program, resolver } = await start();
  await expect
    .poll(() => resolver.resolve4('discovery.plista').catch(() => []), { timeout: 20_000 })
    .toEqual(['127.0.0.1']);
  expect((await program.stop()).code).toBe(0);
  await expect
    .poll(() => registry.list().instances.filter(({ app }) => app === 'discovery'), { timeout: 20_000 })
    .toEqual([]);
});

test('a port in use is named, with the keys that change it', async () => {
  const { dns } = await start();
  const port = Number(/\d+$/.exec(dns)?.[0]);
  const { code, stdout } = await runProgram(DISCOVERY, { config: config({ port }) });
  expect(code).toBe(1);
  expect(stdout).toContain('discovery.dns.port');
});

test.each([
  [{ domain: 'a..b' }, 'discovery.dns.domain'],
  [{ domain: 'x'.repeat(64) }, 'discovery.dns.domain'],
  [{ resolvers: ['dns.example.com'] }, 'discovery.dns.resolvers[0]'],
  [{ resolvers: ['192.0.2.1:0'] }, 'discovery.dns.resolvers[0]'],
  [{ recursionFor: ['10.0.0.0/33'] }, 'discovery.dns.recursionFor[0]'],
  [{ ttlSeconds: -1 }, 'discovery.dns.ttlSeconds'],
  [{ framework: 'a.b' }, 'discovery.dns.framework'],
  [{ tll: 5 }, 'discovery.dns.tll'],
])('the faulty keys %j are named', async (dns, path) => {
  const { code, stderr } = await runProgram(DISCOVERY, { config: config(dns) });
  expect(code).toBe(2);
  expect(stderr).toContain(path);
});

describe('cloud-mirror dns', () => {
  let folder: string;
  let file: string;
  let server: string;

  beforeEach(async () => {
    await announce(instance(1), instance(2, { host: '2001:db8::2' }));
    const { dns, resolver } = await start();
    server = dns;
    await expect.poll(() => addresses(resolver), { timeout: 20_000 }).toEqual(['10.0.0.1']);
    folder = await mkdtemp(join(tmpdir(), 'test-dns-'));
    opened.defer(() => rm(folder, { recursive: true, force: true }));
    file = join(folder, 'mirror.yaml');
    await writeFile(file, JSON.stringify(config({ port: Number(/\d+$/.exec(dns)?.[0]) })));
  });

  test('prints records, of names with and without the domain', async () => {
    for (const name of ['app01', NAME, `${NAME}.`, 'app01.us-west-1']) {
      const { status, stdout, stderr } = await commandLine(['dns', name, '--config', file]);
      expect([stderr, status]).toEqual(['', 0]);
      expect(stdout.toString()).toMatch(
        /^app01\S*\.plista\.\t5\tIN\tA\t10\.0\.0\.1\napp01\S*\t5\tIN\tAAAA\t2001:db8::2\n$/,
      );
    }
    const services = await commandLine(['dns', '_http._app01._tcp', '--config', file]);
    expect(services.stdout.toString()).toMatch(/\tSRV\t0 1 31001 app01-[a-z]{5}\.plista\.\n/);
    const reverse = await commandLine(['dns', '2001:db8::2', '--server', server]);
    expect(reverse.stdout.toString()).toMatch(/ip6\.arpa\.\t5\tIN\tPTR\tapp01-[a-z]{5}\.plista\.\n$/);
    const json = await commandLine(['dns', 'app01', '--type', 'A', '--json', '--config', file]);
    expect(JSON.parse(json.stdout.toString())).toEqual([
      { name: 'app01.plista', ttl: 5, type: 'A', data: '10.0.0.1' },
    ]);
  });

  test('says why there is nothing', async () => {
    const unknown = await commandLine(['dns', 'nobody', '--config', file]);
    expect([unknown.status, unknown.stderr]).toEqual([1, expect.stringContaining('NXDOMAIN')]);
    const without = await commandLine(['dns', 'app01', '--type', 'TXT', '--config', file]);
    expect([without.status, without.stderr]).toEqual([1, expect.stringContaining('no TXT record')]);
    for (const args of [
      ['a..b'],
      ['x'.repeat(64)],
      ['app01', '--server', 'nowhere'],
      ['app01', '--type', 'X'],
    ])
      expect((await commandLine(['dns', ...args, '--config', file])).status).toBe(2);
  });
});

test('cloud-mirror dns says that no name server answers', async () => {
  const { program, dns } = await start();
  await program.stop();
  const { status, stderr } = await commandLine(['dns', 'app01', '--server', dns]);
  expect(status).toBe(1);
  expect(stderr).toContain('discovery.dns.enabled');
});
