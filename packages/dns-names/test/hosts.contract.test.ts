import { addressRecords, startDnsServer } from '@cloud-mirror/testing/dns-server';
import type { RegistryChange } from '@cloud-mirror/registry';
import { expect, test } from 'vitest';
import { openDns } from '../src/index.ts';
import { askUdp, instance, query, SETTINGS, startDns } from './dns-fixture.ts';

const NAME = 'frontend.mirror.internal';

test('a host that is a name is looked up, for its own TTL', async () => {
  let address = '192.0.2.1';
  await using upstream = await startDnsServer((question) => ({
    answers: addressRecords(question, [address], 2),
  }));
  const resolvers = [{ address: '127.0.0.1', port: upstream.port }];
  await using dns = await startDns({ resolvers }, [
    instance({ host: 'Node1.example.' }),
    instance({ host: '10.0.0.1' }),
  ]);
  const ask = async (): Promise<string[]> => {
    const found = await dns.resolver.resolve4(NAME, { ttl: true });
    const named = found.find((each) => each.address !== '10.0.0.1');
    expect(named?.ttl).toBeLessThanOrEqual(2);
    return found.map((each) => each.address).sort();
  };
  expect(await ask()).toEqual(['10.0.0.1', '192.0.2.1']);
  expect(await ask()).toEqual(['10.0.0.1', '192.0.2.1']);
  expect(upstream.asked('node1.example')).toBe(1);
  address = '192.0.2.2';
  await expect.poll(ask, { timeout: 20_000 }).toEqual(['10.0.0.1', '192.0.2.2']);
  const [target = ''] = (await dns.resolver.resolveSrv(`_${NAME.replace('.', '._tcp.')}`))
    .map(({ name }) => name)
    .slice(0, 1);
  expect(await dns.resolver.resolve4(target)).toHaveLength(1);
  expect(await dns.resolver.reverse('192.0.2.2')).toHaveLength(1);
});

test('localhost is a host too', async () => {
  await using dns = await startDns({}, [instance({ host: 'localhost' })]);
  expect(await dns.resolver.resolve4(NAME)).toEqual(['127.0.0.1']);
});

test.each([
  ['no such host', { rcode: 'NXDOMAIN' }, 'NOERROR'],
  ['a failure', { rcode: 'SERVFAIL' }, 'SERVFAIL'],
] as const)('%s: %s', async (_, upstreamReply, rcode) => {
  await using upstream = await startDnsServer(() => upstreamReply);
  const resolvers = [{ address: '127.0.0.1', port: upstream.port }];
  await using dns = await startDns({ resolvers }, [instance({ host: 'node1.example' })]);
  expect(await askUdp(dns.port, query(NAME, 'A'))).toMatchObject({ rcode, answers: [] });
  await dns.announce(instance({ host: '10.0.0.9' }));
  expect(await askUdp(dns.port, query(NAME, 'A'))).toMatchObject({ answers: [{ data: '10.0.0.9' }] });
});

test('addresses outlive a failure of the name server', async () => {
  let fails = false;
  await using upstream = await startDnsServer((question) =>
    fails ? { rcode: 'SERVFAIL' } : { answers: addressRecords(question, ['192.0.2.1'], 1) },
  );
  const resolvers = [{ address: '127.0.0.1', port: upstream.port }];
  await using dns = await startDns({ resolvers }, [instance({ host: 'node1.example' })]);
  expect(await dns.resolver.resolve4(NAME)).toEqual(['192.0.2.1']);
  fails = true;
  const before = upstream.asked('node1.example');
  while (upstream.asked('node1.example') === before)
    expect(await dns.resolver.resolve4(NAME)).toEqual(['192.0.2.1']);
  expect(await dns.resolver.resolve4(NAME)).toEqual(['192.0.2.1']);
});

test('a host below the domain is not looked up: it would wait for itself', async () => {
  await using dns = await startDns({}, [instance({ host: NAME })]);
  expect(await askUdp(dns.port, query(NAME, 'A'))).toMatchObject({ rcode: 'NOERROR', answers: [] });
});

test.each([
  ['[2001:db8::5]', 'AAAA', '2001:db8::5'],
  ['2001:DB8:0::5', 'AAAA', '2001:db8::5'],
  ['::ffff:10.0.0.7', 'A', '10.0.0.7'],
])('the host %s is %s %s', async (host, type, address) => {
  await using dns = await startDns({}, [instance({ host })]);
  expect(await dns.resolver.resolve(NAME, type)).toEqual([address]);
});

test('names hold for staleSeconds without the registry, then SERVFAIL, and come back with it', async () => {
  const one = instance({ host: '10.0.0.1' });
  let ageMs = 0;
  const source = {
    list: () => ({ revision: 7, ageMs, instances: [one] }),
    async *watch(_: number | null, signal: AbortSignal): AsyncGenerator<RegistryChange> {
      yield { kind: 'reset', revision: 7, instances: [one] };
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    },
  };
  await using dns = await openDns({
    settings: { ...SETTINGS, staleSeconds: 60 },
    source,
    limits: { take: () => 0, networkOf: (address) => address },
    onOutcome: () => undefined,
    onError: () => undefined,
  });
  const port = Number(/\d+$/.exec(dns.address)?.[0]);
  const rcode = async (): Promise<unknown> => (await askUdp(port, query(NAME, 'A'))).rcode;
  ageMs = 59_000;
  await expect.poll(() => dns.ageMs, { timeout: 20_000 }).toBeGreaterThan(58_000);
  expect(await rcode()).toBe('NOERROR');
  ageMs = 90_000;
  await expect.poll(rcode, { timeout: 20_000 }).toBe('SERVFAIL');
  expect(dns.isStale).toBe(true);
  ageMs = 0;
  await expect.poll(rcode, { timeout: 20_000 }).toBe('NOERROR');
});
