import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import {
  AddressRefusedError,
  ConnectError,
  guardedConnector,
  type GuardedConnectorOptions,
  type Resolver,
} from '../src/guarded-connector.ts';
import { serveHttps, serveRaw, TEST_CERTIFICATE } from './support/local-origin.ts';

function connect(url: string, options: Partial<GuardedConnectorOptions> = {}): Promise<Socket | TLSSocket> {
  const { hostname, host, protocol, port } = new URL(url);
  const connector = guardedConnector({ privateAddresses: true, connectMs: 10_000, ...options });
  return new Promise((resolve, reject) => {
    connector({ hostname: hostname.replace(/^\[|\]$/g, ''), host, protocol, port }, (error, socket) => {
      if (error === null) resolve(socket);
      else reject(error);
    });
  });
}

/** A resolver that gives the answers in turn and then repeats the last one. Counts its calls. */
function answers(...turns: readonly (readonly string[])[]): Resolver & { readonly asked: () => number } {
  let asked = 0;
  const resolver = async () => {
    const turn = turns[Math.min(asked, turns.length - 1)] ?? [];
    asked += 1;
    return turn.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  return Object.assign(resolver, { asked: () => asked });
}

describe('names', () => {
  test.each([
    ['a private IPv4 address', ['10.0.0.5']],
    ['IPv6 loopback', ['::1']],
    ['an address translated from the metadata address', ['64:ff9b::a9fe:a9fe']],
    ['a public and a private one', ['93.184.216.34', 'fd00::5']],
    [
      'a private one among many',
      ['93.184.216.34', '93.184.216.35', '1.1.1.1', '8.8.8.8', '8.8.4.4', '127.0.0.1'],
    ],
    ['broadcast', ['255.255.255.255']],
    ['a mapped loopback', ['::ffff:127.0.0.1']],
    ['text that is not an address', ['localhost']],
  ])('that resolve to %s are refused before any connection', async (_, addresses) => {
    const refusal = connect('https://name.test/', { privateAddresses: false, resolver: answers(addresses) });
    await expect(refusal).rejects.toThrow(AddressRefusedError);
    await expect(refusal).rejects.not.toThrow(/\d+\.\d+/);
  });

  test('without an address cannot be reached', async () => {
    await expect(connect('https://empty.test/', { resolver: answers([]) })).rejects.toThrow(ConnectError);
  });

  test('that do not resolve cannot be reached', async () => {
    const resolver = () => Promise.reject(new Error('ENOTFOUND'));
    await expect(connect('https://unknown.test/', { resolver })).rejects.toThrow(ConnectError);
  });

  test('whose resolver never answers cannot be reached', async () => {
    const resolver = () => new Promise<never>(() => {});
    await expect(connect('https://slow.test/', { resolver, connectMs: 50 })).rejects.toThrow(ConnectError);
  });

  test.each(['metadata', 'metadata.google.internal', 'instance-data'])(
    'of metadata services (%s) are never looked up',
    async (host) => {
      const resolver = answers(['127.0.0.1']);
      await expect(connect(`http://${host}/`, { resolver })).rejects.toThrow(AddressRefusedError);
      expect(resolver.asked()).toBe(0);
    },
  );

  test('are resolved once, and the checked address is the one connected to', async () => {
    await using server = await serveRaw(() => {});
    const resolver = answers(['127.0.0.1'], ['169.254.169.254']);
    const socket = await connect(`http://flip.test:${server.port}/`, { resolver });
    expect(resolver.asked()).toBe(1);
    expect(socket.remoteAddress).toBe('127.0.0.1');
    socket.destroy();
  });

  test('are checked again for each connection', async () => {
    await using server = await serveRaw(() => {});
    const resolver = answers(['127.0.0.1'], ['169.254.169.254']);
    const url = `http://flip.test:${server.port}/`;
    (await connect(url, { resolver })).destroy();
    await expect(connect(url, { resolver })).rejects.toThrow(AddressRefusedError);
    expect(server.connections()).toBe(1);
  });

  test('are tried at their next address if one refuses the connection', async () => {
    await using server = await serveRaw(() => {});
    const resolver = answers(['127.0.0.2', '127.0.0.1']);
    const socket = await connect(`http://two.test:${server.port}/`, { resolver });
    expect(socket.remoteAddress).toBe('127.0.0.1');
    socket.destroy();
  });
});

describe('addresses in the URL', () => {
  test.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://127.1/',
    'http://0177.0.0.1/',
    'http://0x7f.1/',
    'http://0.0.0.0/',
    'http://169.254.169.254/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[::]/',
    'http://[fd00:ec2::254]/',
    'http://１２７.０.０.１/',
  ])('%s is refused', async (url) => {
    await expect(connect(url, { privateAddresses: false })).rejects.toThrow(AddressRefusedError);
  });

  test('are not looked up', async () => {
    await using server = await serveRaw(() => {});
    const resolver = answers(['169.254.169.254']);
    (await connect(`http://127.0.0.1:${server.port}/`, { resolver })).destroy();
    expect(resolver.asked()).toBe(0);
  });
});

describe('TLS', () => {
  const resolver = answers(['127.0.0.1']);

  test('sends the name and verifies the certificate for it', async () => {
    await using server = await serveHttps(() => {});
    const socket = (await connect(`https://origin.test:${server.port}/`, {
      resolver,
      ca: TEST_CERTIFICATE,
    })) as TLSSocket;
    expect(socket.authorized).toBe(true);
    expect(socket.servername).toBe('origin.test');
    socket.destroy();
  });

  test('verifies an address and does not send it', async () => {
    await using server = await serveHttps(() => {});
    const socket = (await connect(`https://127.0.0.1:${server.port}/`, {
      ca: TEST_CERTIFICATE,
    })) as TLSSocket;
    expect(socket.authorized).toBe(true);
    expect(socket.servername || false).toBe(false);
    socket.destroy();
  });

  test.each([
    ['for another name', 'other.test', TEST_CERTIFICATE],
    ['that is not trusted', 'origin.test', undefined],
  ])('refuses a certificate %s', async (_, host, ca) => {
    await using server = await serveHttps(() => {});
    const refusal = connect(`https://${host}:${server.port}/`, { resolver, ca });
    await expect(refusal).rejects.toThrow(ConnectError);
  });

  test('fails if the handshake is never answered', async () => {
    await using server = await serveRaw(() => {});
    const url = `https://origin.test:${server.port}/`;
    await expect(connect(url, { resolver, connectMs: 100 })).rejects.toThrow(ConnectError);
  });

  test('fails with a host that does not support it', async () => {
    await using server = await serveRaw((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const closing = connect(`https://origin.test:${server.port}/`, { resolver, connectMs: 500 });
    await expect(closing).rejects.toThrow(ConnectError);
  });
});

test('the owner can cancel connection attempts', async () => {
  await using server = await serveRaw(() => {});
  const owner = new AbortController();
  const pending = connect(`https://origin.test:${server.port}/`, {
    resolver: answers(['127.0.0.1']),
    signal: owner.signal,
  });
  owner.abort(new ConnectError('closed'));
  await expect(pending).rejects.toThrow('closed');
});

test('a connection that breaks before its owner adds listeners causes no uncaught error', async () => {
  await using server = await serveRaw(() => {});
  const socket = await connect(`http://127.0.0.1:${server.port}/`);
  const closed = Promise.withResolvers<undefined>();
  socket.once('close', () => closed.resolve(undefined)).destroy(new Error('broken'));
  await closed.promise;
  expect(socket.errored).toEqual(new Error('broken'));
});
