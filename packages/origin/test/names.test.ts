import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NameLookup } from '@cloud-mirror/name-lookup';
import { addressRecords, startDnsServer, type DnsHandler } from '@cloud-mirror/testing/dns-server';
import { eventually } from '@cloud-mirror/testing/eventually';
import { createSourcePolicy, HttpOrigin, OriginError } from '../src/index.ts';
import { LONG, readAll, serveRaw } from './support/local-origin.ts';

const ANY_HOST = '^https?://[a-z0-9.-]+(?::[0-9]+)?/';
const HELLO = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello';

/** An origin client that looks names up at a name server with these answers, and a web server on 127.0.0.1. */
async function open(handle: DnsHandler, { privateAddresses = true } = {}) {
  await using opening = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'origin-names-'));
  opening.defer(() => rm(folder, { recursive: true }));
  const resolverFile = join(folder, 'resolv.conf');
  await writeFile(resolverFile, 'search .\n');
  const dns = opening.use(await startDnsServer(handle));
  const web = opening.use(await serveRaw((socket) => socket.end(HELLO)));
  const names = opening.use(
    new NameLookup({
      servers: [dns.address],
      hostsFile: join(folder, 'hosts'),
      resolverFile,
      limits: { shortestTtlMs: 1 },
    }),
  );
  const origin = opening.use(
    new HttpOrigin({
      policy: createSourcePolicy({ requireTls: false, allow: [{ pattern: ANY_HOST, privateAddresses }] }),
      redirectLimit: 5,
      maxObjectBytes: 1_000_000,
      timeouts: { ...LONG, connectSeconds: 5 },
      userAgent: 'test',
      resolver: (host) => names.addressesOf(host),
    }),
  );
  const opened = opening.move();
  return { dns, web, origin, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

test('an origin is reached by the addresses that a name server gives', async () => {
  await using opened = await open((question) => ({
    answers: [
      { name: question.name, type: 'CNAME', ttl: 60, data: 'cdn.test' },
      ...addressRecords({ ...question, name: 'cdn.test' }, ['127.0.0.1']),
    ],
  }));
  const { body } = await opened.origin.open(new URL(`http://artifacts.test:${opened.web.port}/x`));
  expect((await readAll(body)).toString()).toBe('hello');
});

test.each([
  ['a private address', ['10.0.0.1']],
  ['loopback', ['127.0.0.1']],
  ['an IPv6 address that embeds a private one', ['64:ff9b::a00:1']],
  ['a private address among public ones', ['93.184.216.34', '127.0.0.1']],
  ['a private address of the other family', ['93.184.216.34', 'fd00::1']],
])('a name with %s is refused, and no connection is made', async (_, addresses) => {
  await using opened = await open((question) => ({ answers: addressRecords(question, addresses) }), {
    privateAddresses: false,
  });
  const refusal = opened.origin.inspect(new URL(`http://artifacts.test:${opened.web.port}/x`));
  await expect(refusal).rejects.toMatchObject({ code: 'not_allowed' });
  expect(opened.web.connections()).toBe(0);
});

test('an answer that changes between look-up and connection has no effect', async () => {
  let asked = 0;
  await using opened = await open((question) => {
    if (question.type === 'A') asked += 1;
    const address = asked <= 1 ? '127.0.0.1' : '169.254.169.254';
    return { answers: addressRecords(question, [address], 0) };
  });
  const url = new URL(`http://rebinding.test:${opened.web.port}/x`);
  const { body } = await opened.origin.open(url);
  expect((await readAll(body)).toString()).toBe('hello');
  expect(asked).toBe(1);
  // The answer is remembered for a millisecond.
  await eventually(async () => {
    const next = await opened.origin.open(url).catch((error: unknown) => error);
    return next instanceof OriginError && next.code === 'not_allowed';
  });
});

test.each<[string, DnsHandler, RegExp]>([
  ['does not exist', () => ({ rcode: 'NXDOMAIN' }), /its name does not exist/],
  ['has no address', () => ({}), /its name has no address/],
  ['cannot be looked up', () => ({ rcode: 'SERVFAIL' }), /its name could not be looked up/],
  ['is refused by the name server', () => ({ rcode: 'REFUSED' }), /its name could not be looked up/],
])('the error says if a name %s', async (_, handle, message) => {
  await using opened = await open(handle);
  const failing = opened.origin.inspect(new URL('http://artifacts.test/x'));
  await expect(failing).rejects.toMatchObject({ code: 'origin_unreachable' });
  await expect(failing).rejects.toThrow(message);
});

test('localhost and addresses need no name server', async () => {
  await using opened = await open(() => null);
  for (const host of ['localhost', '127.0.0.1']) {
    const { body } = await opened.origin.open(new URL(`http://${host}:${opened.web.port}/x`));
    expect((await readAll(body)).toString()).toBe('hello');
  }
  expect(opened.dns.questions).toEqual([]);
});
