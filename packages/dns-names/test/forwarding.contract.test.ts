import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { decode, encode, type Packet } from 'dns-packet';
import { addressRecords, startDnsServer, type DnsHandler } from '@cloud-mirror/testing/dns-server';
import { expect, test } from 'vitest';
import { askTcp, askUdp, edns, instance, query, startDns } from './dns-fixture.ts';

/** A port of loopback where nobody listens. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

const resolver = (port: number): { address: string; port: number } => ({ address: '127.0.0.1', port });
const one: DnsHandler = (question) => ({ answers: addressRecords(question, ['192.0.2.1', '2001:db8::1']) });

test('other names are asked elsewhere, over UDP and TCP', async () => {
  await using upstream = await startDnsServer(one);
  await using dns = await startDns({ resolvers: [resolver(upstream.port)] });
  for (const ask of [askUdp, askTcp]) {
    const asked = query('WWW.Example.com', 'A');
    const reply = await ask(dns.port, asked);
    expect(reply).toMatchObject({ id: asked.id, rcode: 'NOERROR', flag_ra: true, flag_rd: true });
    expect(reply.questions).toMatchObject([{ name: 'WWW.Example.com' }]);
    expect(reply.answers).toMatchObject([{ type: 'A', data: '192.0.2.1' }]);
  }
  expect(await dns.resolver.resolve6('example.com')).toEqual(['2001:db8::1']);
});

test.each([
  ['10.0.0.0/8', 'REFUSED'],
  ['127.0.0.2/32', 'REFUSED'],
  ['::1/128', 'REFUSED'],
  ['127.0.0.1', 'NOERROR'],
  ['127.0.0.0/8', 'NOERROR'],
  ['0.0.0.0/0', 'NOERROR'],
])('with recursionFor %s, loopback gets %s', async (range, rcode) => {
  await using upstream = await startDnsServer(one);
  await using dns = await startDns({ resolvers: [resolver(upstream.port)], recursionFor: [range] }, [
    instance(),
  ]);
  const reply = await askUdp(dns.port, query('example.com', 'A'));
  expect(reply).toMatchObject({ rcode, flag_ra: rcode === 'NOERROR' });
  expect(upstream.questions.length).toBe(rcode === 'NOERROR' ? 1 : 0);
  expect((await askUdp(dns.port, query('frontend.mirror.internal', 'A'))).rcode).toBe('NOERROR');
});

test('without resolvers, other names are refused', async () => {
  await using dns = await startDns();
  expect((await askUdp(dns.port, query('example.com', 'A'))).rcode).toBe('REFUSED');
});

test('ANY is not passed on', async () => {
  await using upstream = await startDnsServer(one);
  await using dns = await startDns({ resolvers: [resolver(upstream.port)] });
  const reply = await askUdp(dns.port, query('example.com', 'ANY'));
  expect(reply.answers).toMatchObject([{ type: 'HINFO', data: { cpu: 'RFC8482' } }]);
  expect(upstream.questions).toEqual([]);
});

test.each(['NXDOMAIN', 'NOERROR'])('%s is an answer', async (rcode) => {
  await using upstream = await startDnsServer(() => (rcode === 'NOERROR' ? {} : { rcode: 'NXDOMAIN' }));
  await using second = await startDnsServer(one);
  await using dns = await startDns({ resolvers: [resolver(upstream.port), resolver(second.port)] });
  expect(await askUdp(dns.port, query('example.com', 'A'))).toMatchObject({ rcode, answers: [] });
  expect(second.questions).toEqual([]);
});

test.each(['SERVFAIL', 'REFUSED', 'silence', 'nobody there'])(
  'after %s the next name server is asked; without one, the answer is SERVFAIL',
  async (failure) => {
    await using bad = await startDnsServer(() =>
      failure === 'SERVFAIL' || failure === 'REFUSED' ? { rcode: failure } : null,
    );
    const first = resolver(failure === 'nobody there' ? await freePort() : bad.port);
    await using good = await startDnsServer(one);
    await using dns = await startDns({ resolvers: [first, resolver(good.port)] });
    expect((await askUdp(dns.port, query('example.com', 'A'))).answers).toHaveLength(1);
    await using alone = await startDns({ resolvers: [first] });
    expect(await askUdp(alone.port, query('example.com', 'A'))).toMatchObject({
      rcode: 'SERVFAIL',
      questions: [{ name: 'example.com' }],
    });
    expect(alone.errors.length).toBeGreaterThan(0);
  },
);

test('an answer that is cut is asked for again over TCP', async () => {
  const addresses = Array.from({ length: 100 }, (_, at) => `192.0.2.${at}`);
  await using upstream = await startDnsServer((question) =>
    question.over === 'udp' ? { truncated: true } : { answers: addressRecords(question, addresses) },
  );
  await using dns = await startDns({ resolvers: [resolver(upstream.port)] });
  const overTcp = await askTcp(dns.port, query('example.com', 'A'));
  expect(overTcp).toMatchObject({ flag_tc: false });
  expect(overTcp.answers).toHaveLength(100);
  const overUdp = await askUdp(dns.port, query('example.com', 'A'));
  expect(overUdp).toMatchObject({ flag_tc: true });
  expect(overUdp.answers?.length).toBeGreaterThan(5);
  expect(await dns.resolver.resolve4('example.com')).toHaveLength(100);
});

test('a question that is asked many times at once is passed on once', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await using upstream = await startDnsServer(async (question) => {
    await released;
    return one(question);
  });
  await using dns = await startDns({ resolvers: [resolver(upstream.port)] });
  const spelled = ['example.com', 'EXAMPLE.com', 'example.COM'];
  const asked = Array.from({ length: 30 }, (_, at) => query(spelled[at % 3] ?? '', 'A'));
  const replies = asked.map((each) => askUdp(dns.port, each));
  while (upstream.questions.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  // The rest must have arrived before the answer: c-ares's own question comes behind them all.
  const behind = askTcp(dns.port, query('other.example', 'A'));
  while (!upstream.questions.some(({ name }) => name === 'other.example'))
    await new Promise((resolve) => setTimeout(resolve, 5));
  release();
  for (const [at, reply] of (await Promise.all(replies)).entries())
    expect(reply).toMatchObject({
      id: asked[at]?.id,
      questions: [{ name: asked[at]?.questions?.[0]?.name }],
    });
  await behind;
  expect(upstream.asked('example.com')).toBeLessThan(5);
});

test('answers to other questions, with other ids, and of others are ignored', async () => {
  const upstream = createSocket('udp4');
  upstream.bind(0, '127.0.0.1');
  await once(upstream, 'listening');
  const stranger = createSocket('udp4');
  const ids = new Set<number>();
  const ports = new Set<number>();
  upstream.on('message', (message: Buffer, { port }) => {
    const { id = 0, questions = [] } = decode(message);
    ids.add(id);
    ports.add(port);
    const answer = (changes: Packet, data: string): Buffer => {
      const asked = changes.questions ?? questions;
      const answers = [{ type: 'A', name: asked[0]?.name ?? '', ttl: 1, data } as const];
      return encode({ type: 'response', id, questions: asked, answers, ...changes });
    };
    const forged = [
      answer({ id: (id + 1) % 65_536 }, '6.6.6.1'),
      answer({ questions: [{ name: 'evil.example', type: 'A' }] }, '6.6.6.2'),
      answer({ questions: [{ name: questions[0]?.name ?? '', type: 'TXT' }] }, '6.6.6.3'),
      answer({ type: 'query' }, '6.6.6.4'),
      Buffer.from('noise'),
    ];
    for (const each of forged) upstream.send(each, port);
    stranger.send(answer({}, '6.6.6.5'), port, '127.0.0.1', () => {
      upstream.send(answer({}, '192.0.2.1'), port);
    });
  });
  await using dns = await startDns({ resolvers: [resolver(upstream.address().port)] });
  for (let time = 0; time < 10; time += 1) {
    const reply = await askUdp(dns.port, query(`name${time}.example`, 'A'));
    expect(reply.answers).toMatchObject([{ data: '192.0.2.1' }]);
  }
  expect(ids.size).toBeGreaterThan(8);
  expect(ports.size).toBeGreaterThan(8);
  upstream.close();
  stranger.close();
});

test.each([
  ['more records than there are', (reply: Buffer) => reply.fill(9, 7, 8)],
  ['a record that is cut', (reply: Buffer) => reply.subarray(0, reply.length - 2)],
])('an answer with %s is none', async (_, damage) => {
  const upstream = createSocket('udp4');
  upstream.on('message', (message: Buffer, { port }) => {
    const { id = 0, questions = [] } = decode(message);
    const answers = [{ type: 'A', name: 'example.com', ttl: 1, data: '192.0.2.1' } as const];
    upstream.send(damage(encode({ type: 'response', id, questions, answers })), port);
  });
  upstream.bind(0, '127.0.0.1');
  await once(upstream, 'listening');
  await using dns = await startDns({ resolvers: [resolver(upstream.address().port)] });
  expect((await askUdp(dns.port, query('example.com', 'A'))).rcode).toBe('SERVFAIL');
  upstream.close();
});

test.each([true, false])('EDNS is asked for as the client does: %s', async (uses) => {
  const received = Promise.withResolvers<number>();
  const upstream = createSocket('udp4');
  upstream.on('message', (message: Buffer, { port }) => {
    const asked = decode(message);
    received.resolve(asked.additionals?.length ?? 0);
    const additionals = asked.additionals ?? [];
    upstream.send(encode({ ...asked, type: 'response', additionals }), port);
  });
  upstream.bind(0, '127.0.0.1');
  await once(upstream, 'listening');
  await using dns = await startDns({ resolvers: [resolver(upstream.address().port)] });
  const reply = await askUdp(dns.port, query('example.com', 'A', uses ? edns(1232) : {}));
  expect(await received.promise).toBe(uses ? 1 : 0);
  expect(reply.additionals).toHaveLength(uses ? 1 : 0);
  upstream.close();
});

test('a name server that leads back here ends with SERVFAIL', async () => {
  const port = await freePort();
  await using dns = await startDns({ port, resolvers: [resolver(port)] });
  expect((await askUdp(dns.port, query('example.com', 'A'))).rcode).toBe('SERVFAIL');
});
