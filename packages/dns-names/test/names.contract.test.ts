import { describe, expect, test } from 'vitest';
import { nameInstances } from '../src/labels.ts';
import { askTcp, askUdp, instance, query, startDns } from './dns-fixture.ts';

describe('names of instances', () => {
  test('an app has the addresses of its healthy, running instances', async () => {
    await using dns = await startDns({}, [
      instance({ host: '10.0.0.1' }),
      instance({ host: '10.0.0.2' }),
      instance({ host: '2001:db8::1' }),
      instance({ host: '10.0.0.3', healthy: false, why: 'Redis' }),
      instance({ host: '10.0.0.4', state: 'draining' }),
      instance({ host: '10.0.0.5', state: 'starting' }),
    ]);
    const ipv4 = await dns.resolver.resolve4('frontend.mirror.internal', { ttl: true });
    expect(ipv4.map(({ address }) => address).sort()).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(ipv4.map(({ ttl }) => ttl)).toEqual([5, 5]);
    expect(await dns.resolver.resolve6('frontend.mirror.internal')).toEqual(['2001:db8::1']);
  });

  test('an address that two instances share is listed once', async () => {
    await using dns = await startDns({}, [instance({ host: '10.0.0.1' }), instance({ host: '10.0.0.1' })]);
    expect(await dns.resolver.resolve4('frontend.mirror.internal')).toEqual(['10.0.0.1']);
  });

  test('a change is visible at once', async () => {
    const one = instance({ host: '10.0.0.1' });
    await using dns = await startDns({}, [one]);
    await dns.announce({ ...one, state: 'draining' }, instance({ host: '10.0.0.2' }));
    expect(await dns.resolver.resolve4('frontend.mirror.internal')).toEqual(['10.0.0.2']);
  });

  const instances = [
    instance({ host: '10.0.1.1', region: 'us-west-1' }),
    instance({ host: '10.0.1.2', region: 'eu_central_1' }),
    instance({
      app: 'copier',
      host: '10.0.1.3',
      healthy: false,
      why: 'starting',
      region: 'us-west-1',
      ports: [],
    }),
  ];
  const [letters = ''] = nameInstances([instances[0]?.id ?? '']).keys();

  test.each([
    ['frontend.us-west-1', 'A', 'NOERROR', ['10.0.1.1']],
    ['frontend.eu-central-1', 'A', 'NOERROR', ['10.0.1.2']],
    ['FrontEnd.US-West-1', 'A', 'NOERROR', ['10.0.1.1']],
    [`frontend-${letters}`, 'A', 'NOERROR', ['10.0.1.1']],
    ['frontend', 'AAAA', 'NOERROR', []],
    ['frontend', 'SRV', 'NOERROR', []],
    ['frontend', 'TXT', 'NOERROR', []],
    ['frontend', 'UNKNOWN_65', 'NOERROR', []],
    ['copier', 'A', 'NOERROR', []],
    ['copier.us-west-1', 'A', 'NOERROR', []],
    ['copier.eu-central-1', 'A', 'NXDOMAIN', []],
    ['_copier._tcp', 'SRV', 'NOERROR', []],
    ['_frontend._tcp', 'A', 'NOERROR', []],
    ['us-west-1', 'A', 'NOERROR', []],
    ['_tcp', 'A', 'NOERROR', []],
    ['_https._frontend._tcp', 'SRV', 'NXDOMAIN', []],
    ['_frontend._udp', 'SRV', 'NXDOMAIN', []],
    ['frontend-aaaaa', 'A', 'NXDOMAIN', []],
    ['frontend.nowhere', 'A', 'NXDOMAIN', []],
    ['router', 'A', 'NXDOMAIN', []],
    ['a.frontend.us-west-1', 'A', 'NXDOMAIN', []],
    ['frontend.marathon', 'A', 'NXDOMAIN', []],
  ])('%s %s: %s %j', async (name, type, rcode, addresses) => {
    await using dns = await startDns({}, instances);
    for (const ask of [askUdp, askTcp]) {
      const asked = query(`${name}.mirror.internal`, type);
      const reply = await ask(dns.port, asked);
      expect(reply).toMatchObject({
        rcode,
        flag_aa: true,
        id: asked.id,
        questions: [{ name: `${name}.mirror.internal` }],
      });
      expect(reply.answers?.map((each) => 'data' in each && each.data)).toEqual(addresses);
      expect(reply.authorities?.length).toBe(addresses.length === 0 ? 1 : 0);
      if (addresses.length === 0)
        expect(reply.authorities?.[0]).toMatchObject({
          type: 'SOA',
          name: 'mirror.internal',
          ttl: 5,
          data: { minimum: 5 },
        });
    }
  });
});
