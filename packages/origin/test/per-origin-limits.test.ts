import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcp, type Server, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { limitedHost } from '../src/per-origin-limits.ts';
import { listen, localOrigin, readAll, type LocalServer } from './support/local-origin.ts';

const LIMITS = { connections: 4, requestsPerSecond: null, bytesPerSecond: null };
const IMPATIENT = { impatient: true };
const BUSY = expect.objectContaining({ name: 'OriginError', code: 'origin_busy', retryable: true }) as Error;

interface CountingServer extends LocalServer {
  /** The most connections that were open at once. */
  readonly mostOpen: () => number;
  /** Requests that have no answer yet. */
  readonly waiting: ServerResponse[];
  readonly requests: IncomingMessage[];
}

/** Answers paths with `hang` only when the test does, paths with `close` on a connection of their own, others at once. */
async function serveCounting(): Promise<CountingServer> {
  const waiting: ServerResponse[] = [];
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    if (request.url?.includes('hang') === true) waiting.push(response);
    else answer(request, response);
  });
  const mostOpen = countOpen(server);
  return { ...(await listen(server)), mostOpen, waiting, requests };
}

function answer({ url, method }: IncomingMessage, response: ServerResponse): void {
  if (url?.includes('close') === true) response.shouldKeepAlive = false;
  response.writeHead(200, { 'content-length': 6 });
  response.end(method === 'HEAD' ? undefined : 'object');
}

/** Answers all requests that hang, until it is disposed of. */
function answerAll({ waiting }: CountingServer): Disposable {
  const answering = setInterval(() => {
    for (const response of waiting.splice(0)) answer(response.req, response);
  }, 10);
  return { [Symbol.dispose]: () => clearInterval(answering) };
}

function countOpen(server: Server): () => number {
  let open = 0;
  let most = 0;
  server.on('connection', (socket: Socket) => {
    open += 1;
    most = Math.max(most, open);
    socket.once('close', () => (open -= 1));
  });
  return () => most;
}

function at({ port }: { readonly port: number }, path: string): URL {
  return new URL(`http://127.0.0.1:${port}${path}`);
}

describe('connections to one origin', () => {
  test.each(['', '?close'])('are at most as many as allowed, for HEAD and GET together%s', async (query) => {
    await using server = await serveCounting();
    await using origin = localOrigin({ perOrigin: LIMITS });
    const calls = Array.from({ length: 40 }, async (_, index) => {
      if (index % 2 === 0) return (await origin.inspect(at(server, `/${index}${query}`))).sizeBytes;
      const object = await origin.open(at(server, `/${index}${query}`));
      return (await readAll(object.body)).length;
    });
    expect(await Promise.all(calls)).toEqual(Array(40).fill(6));
    expect(server.mostOpen()).toBeLessThanOrEqual(4);
  });

  test('are counted at each host that a redirect leads to', async () => {
    await using target = await serveCounting();
    const redirecting = createServer((_, response) => {
      response.writeHead(302, { location: at(target, '/hang').href }).end();
    });
    const mostAtFirst = countOpen(redirecting);
    await using first = await listen(redirecting);
    await using origin = localOrigin({ perOrigin: LIMITS });
    const calls = Array.from({ length: 10 }, (_, index) => origin.inspect(at(first, `/${index}`)));
    const outcomes = Promise.allSettled(calls);
    await expect.poll(() => target.waiting.length).toBe(4);
    await expect(origin.inspect(at(target, '/2'), IMPATIENT)).rejects.toEqual(BUSY);
    using _answering = answerAll(target);
    expect((await outcomes).map(({ status }) => status)).toEqual(Array(10).fill('fulfilled'));
    expect(mostAtFirst()).toBeLessThanOrEqual(4);
    expect(target.mostOpen()).toBeLessThanOrEqual(4);
  });

  test('include those of the lenient parser', async () => {
    // An unrequested 100 makes undici give up.
    const text = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n';
    const raw = createTcp((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => socket.write(text + (String(bytes).startsWith('HEAD') ? '' : 'object')));
    });
    const mostOpen = countOpen(raw);
    await using server = await listen(raw);
    await using origin = localOrigin({ perOrigin: LIMITS });
    const read = async (index: number): Promise<number> =>
      (await readAll((await origin.open(at(server, `/${index}`))).body)).length;
    expect(await Promise.all(Array.from({ length: 20 }, (_, index) => read(index)))).toEqual(
      Array(20).fill(6),
    );
    expect(mostOpen()).toBeLessThanOrEqual(4);
  });

  test('that hang are replaced only after the origin has seen them close', async () => {
    await using server = await serveCounting();
    const timeouts = { connectSeconds: 1, firstByteSeconds: 1, totalSeconds: 60, minimumBytesPerSecond: 0 };
    await using origin = localOrigin({ perOrigin: LIMITS, timeouts });
    const calls = Array.from({ length: 12 }, (_, index) => origin.open(at(server, `/hang/${index}`)));
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toEqual(Array(12).fill('rejected'));
    expect(server.requests.length).toBe(12);
    expect(server.mostOpen()).toBeLessThanOrEqual(4);
  }, 60_000);

  test('do not count at another origin', async () => {
    await using full = await serveCounting();
    await using other = await serveCounting();
    await using origin = localOrigin({ perOrigin: LIMITS });
    const calls = Array.from({ length: 4 }, (_, index) => origin.inspect(at(full, `/hang/${index}`)));
    const ended = Promise.allSettled(calls);
    await expect.poll(() => full.waiting.length).toBe(4);
    expect((await origin.inspect(at(other, '/object'))).sizeBytes).toBe(6);
    for (const response of full.waiting) answer(response.req, response);
    await ended;
  });
});

describe('an origin whose connections are all in use', () => {
  test('is busy for an inspection, and at once after the first has learned it', async () => {
    await using server = await serveCounting();
    await using origin = localOrigin({ perOrigin: LIMITS });
    const calls = Array.from({ length: 4 }, (_, index) => origin.inspect(at(server, `/hang/${index}`)));
    const ended = Promise.allSettled(calls);
    await expect.poll(() => server.waiting.length).toBe(4);
    await expect(origin.inspect(at(server, '/object'), IMPATIENT)).rejects.toEqual(BUSY);
    await expect(origin.inspect(at(server, '/object'), IMPATIENT)).rejects.toEqual(BUSY);
    // Nothing was sent for them, not even a GET in place of the HEAD.
    expect(server.requests).toHaveLength(4);
    for (const response of server.waiting) answer(response.req, response);
    await ended;
    expect((await origin.inspect(at(server, '/object'))).sizeBytes).toBe(6);
  });

  test('is waited for by a copy', async () => {
    await using server = await serveCounting();
    await using origin = localOrigin({ perOrigin: { ...LIMITS, connections: 1 } });
    const first = origin.open(at(server, '/hang'));
    await expect.poll(() => server.waiting.length).toBe(1);
    const second = origin.open(at(server, '/object'));
    for (const response of server.waiting) answer(response.req, response);
    expect((await readAll((await first).body)).toString()).toBe('object');
    expect((await readAll((await second).body)).toString()).toBe('object');
    expect(server.mostOpen()).toBe(1);
  });

  test('is waited for until the caller gives up, and the wait leaves nothing behind', async () => {
    await using server = await serveCounting();
    await using origin = localOrigin({ perOrigin: { ...LIMITS, connections: 1 } });
    const first = origin.open(at(server, '/hang'));
    await expect.poll(() => server.waiting.length).toBe(1);
    const caller = new AbortController();
    const given = origin.open(at(server, '/object'), { signal: caller.signal });
    caller.abort(new Error('gave up'));
    await expect(given).rejects.toThrow('gave up');
    for (const response of server.waiting) answer(response.req, response);
    await readAll((await first).body);
    expect((await readAll((await origin.open(at(server, '/object'))).body)).length).toBe(6);
  });

  test('is waited for within the time limit of the call', async () => {
    await using server = await serveCounting();
    const timeouts = { connectSeconds: 1, firstByteSeconds: 30, totalSeconds: 1, minimumBytesPerSecond: 0 };
    await using origin = localOrigin({ timeouts, perOrigin: { ...LIMITS, connections: 1 } });
    const first = origin.open(at(server, '/hang'));
    const both = await Promise.allSettled([first, origin.open(at(server, '/object'))]);
    expect(both).toMatchObject(Array(2).fill({ reason: { code: 'origin_unreachable' } }));
    expect(server.requests).toHaveLength(1);
  });

  test('does not keep a closed origin client from closing', async () => {
    await using server = await serveCounting();
    const origin = localOrigin({ perOrigin: { ...LIMITS, connections: 1 } });
    const calls = Promise.allSettled([
      origin.open(at(server, '/hang/1')),
      origin.open(at(server, '/hang/2')),
    ]);
    await expect.poll(() => server.waiting.length).toBe(1);
    await origin[Symbol.asyncDispose]();
    expect((await calls).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});

test('a client cannot use all connections to an origin', async () => {
  await using server = await serveCounting();
  await using origin = localOrigin({ perOrigin: { ...LIMITS, connections: 8 } });
  const greedy = Array.from({ length: 20 }, (_, index) =>
    origin.inspect(at(server, `/hang/${index}`), { client: 'greedy' }),
  );
  const ended = Promise.allSettled(greedy);
  await expect.poll(() => server.waiting.length).toBe(4);
  expect((await origin.inspect(at(server, '/object'), { client: 'another' })).sizeBytes).toBe(6);
  const copied = await origin.open(at(server, '/object'));
  expect((await readAll(copied.body)).length).toBe(6);
  using _answering = answerAll(server);
  await ended;
  expect(server.mostOpen()).toBeLessThanOrEqual(8);
});

test('a burst of inspections waits its turn while the origin answers', async () => {
  await using server = await serveCounting();
  await using origin = localOrigin({ perOrigin: LIMITS });
  const calls = Array.from({ length: 2000 }, (_, index) =>
    origin.inspect(at(server, `/${index}`), { ...IMPATIENT, client: 'one' }),
  );
  const sizes = (await Promise.all(calls)).map(({ sizeBytes }) => sizeBytes);
  expect(new Set(sizes)).toEqual(new Set([6]));
  expect(server.mostOpen()).toBeLessThanOrEqual(4);
});

test('inspections that gave up leave their turns to others', async () => {
  await using server = await serveCounting();
  await using origin = localOrigin({ perOrigin: { ...LIMITS, connections: 2 } });
  const held = Promise.allSettled([0, 1].map((index) => origin.inspect(at(server, `/hang/${index}`))));
  await expect.poll(() => server.waiting.length).toBe(2);
  const waiting = Array.from({ length: 50 }, (_, index) =>
    origin.inspect(at(server, `/${index}`), IMPATIENT),
  );
  const copy = origin.open(at(server, '/object'));
  expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual(Array(50).fill('rejected'));
  using _answering = answerAll(server);
  await held;
  expect((await readAll((await copy).body)).length).toBe(6);
  expect((await origin.inspect(at(server, '/object'), IMPATIENT)).sizeBytes).toBe(6);
});

test('requests to one origin keep to their rate, redirects included', async () => {
  await using server = await serveCounting();
  await using origin = localOrigin({ perOrigin: { ...LIMITS, requestsPerSecond: 10 } });
  const began = performance.now();
  // A burst of one second is free, so 15 of 25 requests wait for a tenth of a second each.
  const calls = Array.from({ length: 25 }, async (_, index) =>
    readAll((await origin.open(at(server, `/${index}`))).body),
  );
  await Promise.all(calls);
  expect(performance.now() - began).toBeGreaterThan(1400);
});

test('an origin that may be asked too seldom is busy for an inspection', async () => {
  await using server = await serveCounting();
  await using origin = localOrigin({ perOrigin: { ...LIMITS, requestsPerSecond: 0.001 } });
  expect((await origin.inspect(at(server, '/1'))).sizeBytes).toBe(6);
  await expect(origin.inspect(at(server, '/2'), IMPATIENT)).rejects.toEqual(BUSY);
});

describe('bytes of one origin', () => {
  const MEGABYTE = 1_000_000;
  const serveMegabyte = () =>
    listen(
      createServer((_, response) => {
        response.writeHead(200, { 'content-length': MEGABYTE }).end(Buffer.alloc(MEGABYTE));
      }),
    );

  test('keep to their rate, all bodies together', async () => {
    await using server = await serveMegabyte();
    await using origin = localOrigin({ perOrigin: { ...LIMITS, bytesPerSecond: 2 * MEGABYTE } });
    const began = performance.now();
    const bodies = await Promise.all(
      Array.from({ length: 4 }, async (_, index) =>
        readAll((await origin.open(at(server, `/${index}`))).body),
      ),
    );
    expect(bodies.map(({ length }) => length)).toEqual(Array(4).fill(MEGABYTE));
    // Two seconds, less the burst of a quarter.
    expect(performance.now() - began).toBeGreaterThan(1700);
  });

  test('that wait for the rate do not count as slow, and end with the caller', async () => {
    await using server = await serveMegabyte();
    const timeouts = {
      connectSeconds: 1,
      firstByteSeconds: 1,
      totalSeconds: 60,
      minimumBytesPerSecond: MEGABYTE,
    };
    await using origin = localOrigin({ timeouts, perOrigin: { ...LIMITS, bytesPerSecond: MEGABYTE / 2 } });
    const object = await origin.open(at(server, '/object'));
    expect((await readAll(object.body)).length).toBe(MEGABYTE);
    const caller = new AbortController();
    const other = await origin.open(at(server, '/object'), { signal: caller.signal });
    const reading = readAll(other.body);
    caller.abort(new Error('gave up'));
    await expect(reading).rejects.toThrow('gave up');
  });
});

test.each([
  ['http://h.example/', 'https://h.example/'],
  ['http://h.example/', 'http://H.EXAMPLE./x'],
  ['http://h.example:80/', 'http://h.example/'],
  ['http://127.0.0.1/', 'http://[::ffff:127.0.0.1]/'],
  ['http://127.0.0.1:8080/', 'http://[::ffff:7f00:1]:8080/'],
  ['http://127.0.0.1/', 'http://0x7f.1/'],
])('%s and %s are one origin', (one, other) => {
  expect(limitedHost(new URL(one))).toBe(limitedHost(new URL(other)));
});

test.each([
  ['http://h.example/', 'http://h.example:81/'],
  ['http://h.example/', 'http://i.example/'],
  ['http://[2001:db8::1]/', 'http://[2001:db8::2]/'],
])('%s and %s are two origins', (one, other) => {
  expect(limitedHost(new URL(one))).not.toBe(limitedHost(new URL(other)));
});
