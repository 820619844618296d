import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createLogger } from '@cloud-mirror/program';
import { afterEach, expect, test } from 'vitest';
import { HttpServer } from '../src/index.ts';

const LIMITS = {
  host: '0.0.0.0',
  port: 0,
  keepAliveSeconds: 75,
  drainSeconds: 1,
  maxWaiting: 100,
  maxWaitSeconds: 12,
  maxUrlBytes: 3000,
  maxConnections: 8,
};

const opened: Socket[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
});

async function serve(
  trustedProxies?: readonly string[],
): Promise<{ readonly port: number } & AsyncDisposable> {
  const logger = createLogger({ level: 'silent', program: 'test', version: '0' });
  const limits = { ...LIMITS, ...(trustedProxies !== undefined && { trustedProxies }) };
  const server = new HttpServer((_, response) => response.end('answer'), limits, logger);
  const address = await server.listen();
  return { port: Number(new URL(address).port), [Symbol.asyncDispose]: () => server.drain() };
}

/** Opens a connection and sends a request on it. @returns whether the server answers rather than close the connection */
async function asks(port: number, localAddress: string): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  opened.push(socket);
  socket.on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const closed = once(socket, 'close').then(() => false);
  return Promise.race([once(socket, 'data').then(() => true), closed]);
}

async function answersTo(port: number, localAddress: string, count: number): Promise<boolean[]> {
  const seen: boolean[] = [];
  for (let index = 0; index < count; index += 1) seen.push(await asks(port, localAddress));
  return seen;
}

test('a client gets no more connections than it leaves free for others', async () => {
  await using server = await serve([]);
  expect(await answersTo(server.port, '127.0.0.1', 6)).toEqual([true, true, true, true, false, false]);
  expect(await answersTo(server.port, '127.0.0.2', 3)).toEqual([true, true, false]);
  // Closed connections make room.
  for (const socket of opened.slice(0, 3)) socket.destroy();
  await expect.poll(() => asks(server.port, '127.0.0.1')).toBe(true);
});

test('a trusted proxy may use every connection, for its many clients', async () => {
  await using server = await serve(['127.0.0.0/8']);
  expect(await answersTo(server.port, '127.0.0.1', 8)).toEqual(Array(8).fill(true));
});

test('a server without a list of proxies shares no connections out', async () => {
  await using server = await serve();
  expect(await answersTo(server.port, '127.0.0.1', 8)).toEqual(Array(8).fill(true));
});
