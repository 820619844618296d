import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { decode, encode, streamEncode } from 'dns-packet';
import { expect, test } from 'vitest';
import { DnsListener } from '../src/dns-listener.ts';
import type { NameServer } from '../src/name-server.ts';
import { ReplyLimits } from '../src/reply-limits.ts';
import { askUdp, instance, query, startDns } from './dns-fixture.ts';

const NAME = 'frontend.mirror.internal';

/** Waits for the end of a connection, which may be an error. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** The replies on a connection, until it ends or there are `count`. */
async function replies(socket: Socket, count: number): Promise<number[]> {
  let received = Buffer.alloc(0);
  const ids: number[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      ids.push(received.readUInt16BE(2));
      received = received.subarray(2 + received.readUInt16BE(0));
    }
    if (ids.length >= count) break;
  }
  return ids;
}

test('beyond its budget a network gets advice to ask over TCP, or nothing', async () => {
  let left = 3;
  const limits = { take: () => (left-- > 0 ? 0 : 1), networkOf: () => '192.0.2.0' };
  await using dns = await startDns({}, [instance()], limits);
  for (let time = 0; time < 3; time += 1)
    expect((await askUdp(dns.port, query(NAME, 'A'))).answers).toHaveLength(1);
  const dropped = query(NAME, 'A');
  const slipped = query(NAME, 'A');
  const socket = createSocket('udp4');
  socket.send(encode(dropped), dns.port, '127.0.0.1');
  socket.send(encode(slipped), dns.port, '127.0.0.1');
  const [reply] = (await once(socket, 'message')) as [Buffer];
  socket.close();
  expect(decode(reply)).toMatchObject({ id: slipped.id, flag_tc: true, answers: [] });
  expect(reply.length).toBe(encode(slipped).length);
  expect(await dns.resolver.resolve4(NAME)).toHaveLength(1);
});

test('loopback has no budget', () => {
  const limits = new ReplyLimits({ take: () => 1, networkOf: (address) => address });
  expect(['127.0.0.1', '127.9.9.9', '0:0:0:0'].map((network) => limits.allowance(network, 0))).toEqual([
    'answer',
    'answer',
    'answer',
  ]);
  expect(limits.allowance('192.0.2.1', 0)).toBe('nothing');
});

test('many queries on one connection are all answered', async () => {
  await using dns = await startDns({}, [instance()]);
  const socket = connect(dns.port, '127.0.0.1');
  for (let id = 0; id < 1_000; id += 1) socket.write(streamEncode({ ...query(NAME, 'A'), id }));
  expect((await replies(socket, 1_000)).sort((one, other) => one - other)).toEqual([...Array(1_000).keys()]);
  socket.destroy();
});

test('a query that arrives byte by byte is answered, and a half-closed connection too', async () => {
  await using dns = await startDns({}, [instance()]);
  const socket = connect({ port: dns.port, host: '127.0.0.1', allowHalfOpen: true });
  for (const byte of streamEncode({ ...query(NAME, 'A'), id: 5 })) {
    socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end();
  expect(await replies(socket, 9)).toEqual([5]);
});

test.each([
  ['noise', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a response', streamEncode({ ...query(NAME, 'A'), type: 'response' })],
  ['a query longer than any', Buffer.from([0xff, 0xff, 0, 1])],
  ['an empty query', Buffer.from([0, 0])],
])('%s ends a connection', async (_, bytes) => {
  await using dns = await startDns({}, [instance()]);
  const socket = connect(dns.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(bytes);
  await closed(socket);
});

/** A listener with short limits, whose server answers when it is told to. */
async function startListener(answer: NameServer['answer']): Promise<DnsListener> {
  return DnsListener.open({
    host: '127.0.0.1',
    port: 0,
    server: { answer } as NameServer,
    limits: new ReplyLimits({ take: () => 0, networkOf: (address) => address }),
    onOutcome: () => undefined,
    onError: () => undefined,
    tcpLimits: { idleMs: 200, queryMs: 200, pipelined: 2, unreadBytes: 10_000 },
  });
}

test.each([
  ['sends nothing', Buffer.alloc(0)],
  ['sends half a length', Buffer.from([0])],
  ['sends half a query', streamEncode(query(NAME, 'A')).subarray(0, 20)],
])('a client that %s is cut', async (_, bytes) => {
  await using listener = await startListener(async () => null);
  const socket = connect(listener.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(bytes);
  socket.resume();
  await closed(socket);
});

test('a client that reads nothing is not read from, and cut', async () => {
  let answered = 0;
  const large = Buffer.alloc(60_000);
  await using listener = await startListener(async () => {
    answered += 1;
    return { message: large, query: null, source: 'none' };
  });
  const socket = connect(listener.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.pause();
  const asked = streamEncode(query(NAME, 'A'));
  socket.write(Buffer.concat(Array.from({ length: 20_000 }, () => asked)));
  // A client that does not read notices that it was cut when it writes.
  const writing = setInterval(() => socket.write(asked), 20);
  await closed(socket);
  clearInterval(writing);
  expect(answered).toBeLessThan(10_000);
});

test('one client cannot take all connections', async () => {
  await using dns = await startDns({}, [instance()]);
  const sockets: Socket[] = [];
  let refused = 0;
  for (let count = 0; count < 700; count += 1) {
    const socket = connect(dns.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('close', () => (refused += 1));
    sockets.push(socket);
  }
  await expect.poll(() => refused, { timeout: 20_000 }).toBeGreaterThanOrEqual(180);
  const other = connect({ port: dns.port, host: '127.0.0.1', localAddress: '127.0.0.2' });
  other.write(streamEncode({ ...query(NAME, 'A'), id: 9 }));
  expect(await replies(other, 1)).toEqual([9]);
  for (const socket of sockets) socket.destroy();
});
