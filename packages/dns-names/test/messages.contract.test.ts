import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { decode, encode, streamEncode, type Packet } from 'dns-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askTcp, askUdp, edns, instance, query, sendUdp, startDns, type DnsFixture } from './dns-fixture.ts';

const NAME = 'frontend.mirror.internal';
const SERVICE = '_frontend._tcp.mirror.internal';

let dns: DnsFixture;

beforeAll(async () => {
  dns = await startDns({ framework: 'marathon', resolvers: [] }, [
    instance({
      host: '10.0.0.1',
      ports: [
        { name: 'http', port: 31_001, servicePort: 8080 },
        { name: 'admin_ui', port: 31_002, servicePort: 8081 },
      ],
    }),
    instance({ host: '2001:db8::2', ports: [{ name: 'http', port: 31_003, servicePort: 8080 }] }),
    ...Array.from({ length: 70 }, (_, at) => instance({ app: 'many', host: `10.1.0.${at}` })),
  ]);
});

afterAll(async () => {
  await dns[Symbol.asyncDispose]();
});

interface Srv {
  readonly port: number;
  readonly target: string;
}

describe('services', () => {
  test.each([
    [SERVICE, [31_001, 31_002, 31_003]],
    ['_http._frontend._tcp.mirror.internal', [31_001, 31_003]],
    ['_admin-ui._frontend._tcp.mirror.internal', [31_002]],
    ['_frontend._tcp.marathon.mirror.internal', [31_001, 31_002, 31_003]],
    ['_http._frontend._tcp.marathon.mirror.internal', [31_001, 31_003]],
  ])('%s has the ports %j, and the addresses of its targets', async (name, ports) => {
    const reply = await askUdp(dns.port, query(name, 'SRV', edns(4096)));
    const services = (reply.answers ?? []).map((each) => ('data' in each ? (each.data as Srv) : null));
    expect(services.map((each) => each?.port).sort()).toEqual(ports);
    const additionals = (reply.additionals ?? []).filter(({ type }) => type !== 'OPT');
    for (const service of services) {
      const target = service?.target ?? '';
      expect(target).toMatch(/^frontend-[a-z]{5}\./);
      expect(target.endsWith('.marathon.mirror.internal')).toBe(name.includes('.marathon.'));
      const addressed = additionals.filter((each) => each.name === target);
      expect(addressed.map(({ type }) => type)).toEqual([service?.port === 31_003 ? 'AAAA' : 'A']);
      const type = service?.port === 31_003 ? 'AAAA' : 'A';
      expect((await askUdp(dns.port, query(target, type))).answers).toHaveLength(1);
    }
  });

  test('c-ares reads them', async () => {
    const found = await dns.resolver.resolveSrv('_http._frontend._tcp.mirror.internal');
    expect(found.map(({ port }) => port).sort()).toEqual([31_001, 31_003]);
  });

  test.each(['frontend.marathon.mirror.internal', 'FRONTEND.Marathon.MIRROR.internal'])(
    '%s is the name of Mesos-DNS',
    async (name) => {
      expect(await dns.resolver.resolve4(name)).toEqual(['10.0.0.1']);
    },
  );
});

describe('reverse names', () => {
  test.each(['10.0.0.1', '2001:db8::2'])('%s leads to an instance', async (address) => {
    const [name = ''] = await dns.resolver.reverse(address);
    expect(name).toMatch(/^frontend-[a-z]{5}\.mirror\.internal$/);
    const type = address.includes(':') ? 'AAAA' : 'A';
    expect(await dns.resolver.resolve(name, type)).toEqual([address]);
  });

  test.each(['7.7.7.7.in-addr.arpa', '1.in-addr.arpa', '300.0.0.10.in-addr.arpa', 'ip6.arpa'])(
    '%s is not answered',
    async (name) => {
      expect((await askUdp(dns.port, query(name, 'PTR'))).rcode).toBe('REFUSED');
    },
  );
});

describe('sizes', () => {
  test.each([
    ['no EDNS', {}, 512],
    ['EDNS of 1232 bytes', edns(1232), 1232],
    ['EDNS of fewer bytes than allowed', edns(100), 512],
    ['EDNS of more bytes than this server sends', edns(65_535), 4096],
  ])('with %s, as many records as fit', async (_, more: Packet, limit) => {
    const asked = encode(query('_many._tcp.mirror.internal', 'SRV', more));
    const reply = await sendUdp(dns.port, asked);
    expect(reply.length).toBeLessThanOrEqual(limit);
    expect(reply.length).toBeGreaterThan(limit - 80);
    const packet = decode(reply);
    const answers = packet.answers ?? [];
    expect(packet.flag_tc).toBe(answers.length < 70);
    expect((packet.additionals ?? []).filter(({ type }) => type === 'OPT')).toHaveLength(
      more.additionals === undefined ? 0 : 1,
    );
  });

  test('additional records are left out without a sign, since the client can ask for them', async () => {
    const reply = await askUdp(dns.port, query('_many._tcp.mirror.internal', 'SRV', edns(4096)));
    expect(reply).toMatchObject({ flag_tc: false });
    expect(reply.answers).toHaveLength(70);
    expect(reply.additionals?.length).toBeLessThan(71);
  });

  test('TCP has them all, and c-ares comes to ask there', async () => {
    const reply = await askTcp(dns.port, query('_many._tcp.mirror.internal', 'SRV'));
    expect(reply).toMatchObject({ flag_tc: false });
    expect([reply.answers?.length, reply.additionals?.length]).toEqual([70, 70]);
    expect(await dns.resolver.resolveSrv('_many._tcp.mirror.internal')).toHaveLength(70);
    expect(await dns.resolver.resolve4('many.mirror.internal')).toHaveLength(70);
  });

  test('ten addresses fit into 512 bytes, for clients that never ask over TCP', async () => {
    await using small = await startDns(
      {},
      Array.from({ length: 10 }, (_, at) => instance({ host: `10.2.0.${at}` })),
    );
    const reply = await sendUdp(small.port, encode(query(NAME, 'A')));
    expect(reply.length).toBeLessThanOrEqual(512);
    expect(decode(reply).answers).toHaveLength(10);
  });
});

test.each(['localhost', '127.0.0.1', '0.0.0.0'])('on %s, UDP and TCP have one address', async (host) => {
  await using other = await startDns({ host }, [instance({ host: '10.0.0.1' })]);
  const [, address = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(other.dns.address) ?? [];
  const at = address === '0.0.0.0' ? '127.0.0.1' : address;
  const message = encode(query(NAME, 'A'));
  expect(decode(await sendUdp(Number(port), message, at)).answers).toHaveLength(1);
  const socket = connect(Number(port), at);
  socket.write(streamEncode(query(NAME, 'A')));
  const [reply] = (await once(socket, 'data')) as [Buffer];
  expect(decode(reply.subarray(2)).answers).toHaveLength(1);
  socket.destroy();
});

test('answers are in another order each time', async () => {
  const orders = new Set<string>();
  for (let time = 0; time < 20; time += 1)
    orders.add((await dns.resolver.resolve4('many.mirror.internal')).join(' '));
  expect(orders.size).toBeGreaterThan(10);
});

describe('questions', () => {
  test('the reply repeats the letter case of the question', async () => {
    const name = 'fRoNtEnD.MirROR.internaL';
    const reply = await askUdp(dns.port, query(name, 'A'));
    expect(reply).toMatchObject({ rcode: 'NOERROR', questions: [{ name }] });
    expect(reply.answers).toMatchObject([{ name, data: '10.0.0.1' }]);
  });

  test.each([
    [NAME, 'NOERROR', 'HINFO'],
    [SERVICE, 'NOERROR', 'HINFO'],
    ['nobody.mirror.internal', 'NXDOMAIN', undefined],
    ['example.com', 'REFUSED', undefined],
  ])('ANY of %s: %s', async (name, rcode, type) => {
    const reply = await askUdp(dns.port, query(name, 'ANY'));
    expect(reply.rcode).toBe(rcode);
    expect(reply.answers?.map((each) => each.type)).toEqual(type === undefined ? [] : [type]);
  });

  test.each([
    ['mirror.internal', 'SOA', 'NOERROR', 1],
    ['mirror.internal', 'A', 'NOERROR', 0],
    ['internal', 'A', 'REFUSED', 0],
    ['xmirror.internal', 'A', 'REFUSED', 0],
    ['.', 'NS', 'REFUSED', 0],
    [NAME, 'AXFR', 'REFUSED', 0],
    [NAME, 'IXFR', 'REFUSED', 0],
    [NAME, 'MAILB', 'NOTIMP', 0],
    [NAME, 'OPT', 'FORMERR', 0],
    [NAME, 'UNKNOWN_0', 'FORMERR', 0],
    [NAME, 'UNKNOWN_65280', 'NOERROR', 0],
  ])('%s %s: %s with %d answers', async (name, type, rcode, count) => {
    const reply = await askUdp(dns.port, query(name, type === 'MAILB' ? 'UNKNOWN_253' : type));
    expect(reply.rcode).toBe(rcode);
    expect(reply.answers).toHaveLength(count);
  });

  test.each(['CH', 'HS', 'ANY'] as const)('class %s: REFUSED', async (questionClass) => {
    const questions = [{ name: NAME, type: 'TXT', class: questionClass } as const];
    expect((await askUdp(dns.port, { ...query(NAME, 'TXT'), questions })).rcode).toBe('REFUSED');
  });

  test.each([1, 2, 4, 5, 6, 15])('opcode %d: NOTIMP', async (opcode) => {
    const asked = query(NAME, 'A', { flags: opcode << 11 });
    const reply = await askUdp(dns.port, asked);
    expect(reply).toMatchObject({ id: asked.id, rcode: 'NOTIMP' });
    expect(((reply.flags ?? 0) >> 11) & 15).toBe(opcode);
  });

  test.each([
    ['no question', { questions: [] }],
    [
      'two questions',
      {
        questions: [
          { name: NAME, type: 'A' },
          { name: NAME, type: 'AAAA' },
        ],
      },
    ],
    ['an answer', { answers: [{ type: 'A', name: NAME, ttl: 1, data: '10.0.0.1' }] }],
    [
      'two records for EDNS',
      { additionals: [...(edns(512).additionals ?? []), ...(edns(512).additionals ?? [])] },
    ],
  ] satisfies [string, Packet][])('a query with %s: FORMERR', async (_, more) => {
    expect((await askUdp(dns.port, query(NAME, 'A', more as Packet))).rcode).toBe('FORMERR');
  });

  test('a later version of EDNS: BADVERS', async () => {
    const reply = await askUdp(dns.port, query(NAME, 'A', edns(1232, { ednsVersion: 1 })));
    expect(reply).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(reply.additionals).toMatchObject([{ type: 'OPT', extendedRcode: 1, ednsVersion: 0 }]);
  });
});

describe('bytes that are no query', () => {
  const header = (more: readonly number[], flags = 0x01_00): Buffer =>
    Buffer.from([0xab, 0xcd, flags >> 8, flags & 0xff, 0, 1, 0, 0, 0, 0, 0, 0, ...more]);
  const label = (length: number): number[] => [length, ...Array.from({ length }, () => 0x61)];
  const A_IN = [0, 1, 0, 1];

  test.each([
    ['a name that points to itself', header([0xc0, 12, ...A_IN])],
    ['a name that points into the header', header([0xc0, 0, ...A_IN])],
    ['a name that points behind itself', header([1, 0x61, 0xc0, 20, ...A_IN])],
    ['a name that ends in a pointer to its beginning', header([1, 0x61, 0xc0, 12, ...A_IN])],
    ['a name of 300 bytes', header([...Array.from({ length: 5 }, () => label(59)).flat(), 0, ...A_IN])],
    ['a label of an unknown kind', header([0x41, 0x61, 0, ...A_IN])],
    ['a name that never ends', header(label(20))],
    ['no type', header([...label(3), 0])],
    ['half a header of counts that lie', header([...label(3), 0, ...A_IN]).fill(0xff, 4, 12)],
  ])('%s: FORMERR', async (_, message) => {
    const reply = await sendUdp(dns.port, message);
    expect(reply.readUInt16BE(0)).toBe(0xabcd);
    expect(reply.readUInt16BE(2) & 0x800f).toBe(0x8001);
    expect(reply.length).toBeLessThanOrEqual(message.length);
  });

  test('a label with a dot in it is not two labels', async () => {
    const dotted = [13, ...Buffer.from('frontend.mirr')];
    const reply = await sendUdp(dns.port, header([...dotted, 2, 0x6f, 0x72, 0, ...A_IN]));
    expect(decode(reply)).toMatchObject({ rcode: 'REFUSED' });
  });

  test('responses and short messages get no reply: two servers never answer each other', async () => {
    const socket = createSocket('udp4');
    const replies: number[] = [];
    socket.on('message', (reply: Buffer) => replies.push(reply.readUInt16BE(0)));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const silent = [
      Buffer.alloc(0),
      Buffer.alloc(11),
      encode({ ...query(NAME, 'A'), type: 'response', id: 1 }),
      header([0xc0, 12, ...A_IN], 0x8100),
    ];
    for (const message of silent) socket.send(message, dns.port, '127.0.0.1');
    // Messages of one socket stay in order on loopback.
    socket.send(encode({ ...query(NAME, 'A'), id: 2 }), dns.port, '127.0.0.1');
    await once(socket, 'message');
    expect(replies).toEqual([2]);
    socket.close();
  });
});
