import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HttpProblem } from '@cloud-mirror/http-service';
import { ObjectReaders } from '../src/objects/object-readers.ts';

const server = createServer((_, response) => arrived.shift()?.(response));
const arrived: ((response: ServerResponse) => void)[] = [];
const clients: Socket[] = [];

beforeEach(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  server.close();
  await once(server, 'close');
});

/** The server side of a request whose client reads nothing. */
async function response(): Promise<ServerResponse> {
  const { promise, resolve } = Promise.withResolvers<ServerResponse>();
  arrived.push(resolve);
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  clients.push(client);
  return promise;
}

test('readers beyond the limit wait for a slot', async () => {
  const readers = new ObjectReaders(1, 60_000);
  const first = await readers.enter(await response());
  const order: string[] = [];
  const others = ['second', 'third'].map(async (name) => {
    using _reader = await readers.enter(await response());
    order.push(name);
  });
  first[Symbol.dispose]();
  await Promise.all(others);
  expect(order).toEqual(['second', 'third']);
});

test('stalled readers are cut off only if others wait', async () => {
  const readers = new ObjectReaders(2, 50);
  const [stalled, reading] = [await response(), await response()];
  const first = await readers.enter(stalled);
  const second = await readers.enter(reading);
  const busy = setInterval(() => second.progress(), 5);
  stalled.once('close', () => first[Symbol.dispose]());
  using _third = await readers.enter(await response());
  clearInterval(busy);
  expect([stalled.destroyed, reading.destroyed]).toEqual([true, false]);
});

test('readers that disconnect while they wait leave no slot occupied', async () => {
  const readers = new ObjectReaders(1, 60_000);
  using _first = await readers.enter(await response());
  const gone = await response();
  const waiting = readers.enter(gone);
  gone.destroy();
  await expect(waiting).rejects.toThrow(HttpProblem);
});
