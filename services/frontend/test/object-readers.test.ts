import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HttpProblem } from '@cloud-mirror/http-service';
import { ObjectReaders } from '../src/objects/object-readers.ts';

/** A request of a client, who is named by its path. */
const requestOf = (client: string): IncomingMessage => ({ url: client }) as IncomingMessage;
const clientOf = ({ url = '' }: IncomingMessage): string => url;

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
  const readers = new ObjectReaders(clientOf, 1, 60_000);
  const first = await readers.enter(requestOf('a'), await response());
  const order: string[] = [];
  const others = ['second', 'third'].map(async (name) => {
    using _reader = await readers.enter(requestOf('a'), await response());
    order.push(name);
  });
  first[Symbol.dispose]();
  await Promise.all(others);
  expect(order).toEqual(['second', 'third']);
});

test('readers that stall for a short time are cut off only if others wait', async () => {
  const readers = new ObjectReaders(clientOf, 2, 50);
  const [stalled, reading] = [await response(), await response()];
  const first = await readers.enter(requestOf('a'), stalled);
  const second = await readers.enter(requestOf('b'), reading);
  const busy = setInterval(() => second.progress(), 5);
  stalled.once('close', () => first[Symbol.dispose]());
  using _third = await readers.enter(requestOf('a'), await response());
  clearInterval(busy);
  expect([stalled.destroyed, reading.destroyed]).toEqual([true, false]);
});

test('readers that disconnect while they wait leave no slot occupied', async () => {
  const readers = new ObjectReaders(clientOf, 1, 60_000);
  using _first = await readers.enter(requestOf('a'), await response());
  const gone = await response();
  const waiting = readers.enter(requestOf('a'), gone);
  gone.destroy();
  await expect(waiting).rejects.toThrow(HttpProblem);
});

test('readers below the least rate are cut off even if nobody waits', async () => {
  const readers = new ObjectReaders(clientOf, 10, 60_000, 50);
  const [stalled, reading] = [await response(), await response()];
  const cut: string[] = [];
  const first = await readers.enter(requestOf('a'), stalled, () => cut.push('stalled'));
  using second = await readers.enter(requestOf('a'), reading, () => cut.push('reading'));
  const busy = setInterval(() => second.progress(), 5);
  await once(stalled, 'close');
  first[Symbol.dispose]();
  clearInterval(busy);
  expect([cut, reading.destroyed, readers.cut, readers.reading]).toEqual([['stalled'], false, 1, 1]);
});

test('the client with the fewest slots gets the next one', async () => {
  const readers = new ObjectReaders(clientOf, 3, 60_000);
  const greedy = [];
  for (let count = 0; count < 2; count += 1)
    greedy.push(await readers.enter(requestOf('greedy'), await response()));
  using _other = await readers.enter(requestOf('other'), await response());
  const order: string[] = [];
  const entries = ['greedy', 'greedy', 'other', 'new'].map(async (client) => {
    const reader = await readers.enter(requestOf(client), await response());
    order.push(client);
    if (order.length === 4) return;
    reader[Symbol.dispose]();
  });
  await expect.poll(() => readers.waiting).toBe(4);
  greedy[0]?.[Symbol.dispose]();
  await Promise.all(entries);
  expect(order[0]).toBe('new');
});
