import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { causeChain, codeOf } from '../src/cause-chain.ts';
import {
  EXPIRED_CERTIFICATE,
  ISSUED_CERTIFICATE,
  listen,
  localOrigin,
  readAll,
  serveHttps,
  serveRaw,
  TEST_AUTHORITY,
  TEST_CERTIFICATE,
} from './support/local-origin.ts';

/** The error with which a call of `open` rejects. */
async function failureOf(url: string, options: Parameters<typeof localOrigin>[0] = {}): Promise<Error> {
  await using origin = localOrigin({
    resolver: async () => [{ address: '127.0.0.1', family: 4 }],
    ...options,
  });
  return await origin.open(new URL(url)).then(
    () => new Error('it was opened'),
    (error: unknown) => error as Error,
  );
}

function codes(error: Error): (string | null)[] {
  return causeChain(error).map(codeOf);
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('the error for an unreachable origin has the code in its causes and the rough cause in its message', () => {
  test.each<[string, string, string, string]>([
    [
      'SELF_SIGNED_CERT_IN_CHAIN',
      'an authority that the mirror does not trust',
      'origin.test',
      ISSUED_CERTIFICATE + TEST_AUTHORITY,
    ],
    [
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'or a certificate between them is missing',
      'origin.test',
      ISSUED_CERTIFICATE,
    ],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'its certificate is self-signed', 'origin.test', TEST_CERTIFICATE],
  ])('%s', async (code, message, host, certificate) => {
    await using server = await serveHttps((_, response) => response.end('x'), certificate);
    const failure = await failureOf(`https://${host}:${server.port}/`, { ca: undefined });
    expect(failure).toMatchObject({
      code: 'origin_unreachable',
      message: expect.stringContaining(message) as string,
    });
    expect(codes(failure)).toContain(code);
  });

  test.each<[string, string, string, string]>([
    ['CERT_HAS_EXPIRED', 'its certificate has expired', 'origin.test', EXPIRED_CERTIFICATE],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'its certificate is for another name', 'other.test', ISSUED_CERTIFICATE],
  ])('%s', async (code, message, host, certificate) => {
    await using server = await serveHttps((_, response) => response.end('x'), certificate);
    const failure = await failureOf(`https://${host}:${server.port}/`, { ca: TEST_AUTHORITY });
    expect(failure).toMatchObject({
      code: 'origin_unreachable',
      message: expect.stringContaining(message) as string,
    });
    expect(codes(failure)).toContain(code);
  });

  test('TLS with a server that does not support it', async () => {
    await using server = await listen(
      createServer((socket) =>
        socket
          .on('error', () => undefined)
          .once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
      ),
    );
    const failure = await failureOf(`https://origin.test:${server.port}/`);
    expect(failure.message).toContain('TLS with the host failed');
    expect(codes(failure).length).toBeGreaterThan(1);
  });

  test('ECONNREFUSED', async () => {
    const failure = await failureOf(`http://origin.test:${await closedPort()}/`);
    expect(failure.message).toContain('it refused the connection');
    expect(codes(failure)).toContain('ECONNREFUSED');
  });

  test('ECONNREFUSED at every address', async () => {
    const failure = await failureOf(`http://origin.test:${await closedPort()}/`, {
      resolver: async () => ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 })),
    });
    expect(codes(failure).filter((code) => code === 'ECONNREFUSED')).toHaveLength(2);
    expect(failure.message).not.toMatch(/127\.0\.0\.[12]/);
  });

  test.each(['ENOTFOUND', 'EAI_AGAIN'])('%s', async (code) => {
    const failure = await failureOf('http://unknown.test/', {
      resolver: () => Promise.reject(Object.assign(new Error(`getaddrinfo ${code}`), { code })),
    });
    expect(failure.message).toContain('the name of the host could not be resolved (its name ');
    expect(codes(failure)).toContain(code);
  });

  test('ECONNRESET before the answer', async () => {
    await using server = await serveRaw((socket) => socket.resetAndDestroy());
    const failure = await failureOf(`http://origin.test:${server.port}/`);
    expect(failure.message).toContain('the connection broke before the answer (it reset the connection)');
    expect(codes(failure)).toContain('ECONNRESET');
  });

  test('a connection closed before the answer', async () => {
    await using server = await serveRaw((socket) => socket.end());
    const failure = await failureOf(`http://origin.test:${server.port}/`);
    expect(failure.message).toContain('(it closed the connection)');
    expect(codes(failure)).toContain('UND_ERR_SOCKET');
  });
});

test('ECONNRESET in the body', async () => {
  await using server = await serveRaw((socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbody'),
  );
  await using origin = localOrigin();
  const object = await origin.open(new URL(`http://127.0.0.1:${server.port}/`));
  const reading = readAll(object.body);
  server.reset();
  const failure: unknown = await reading.catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'origin_interrupted' });
  expect(codes(failure as Error)).toContain('ECONNRESET');
});

test('a chain of causes is bounded, even if it is cyclic', () => {
  const first: Error = new Error('first');
  const second = new AggregateError([first, new Error('member')], 'second', { cause: first });
  first.cause = second;
  expect(causeChain(first).map(({ message }) => message)).toEqual(['first', 'second', 'member']);
  const many = new AggregateError(Array.from({ length: 1000 }, (_, index) => new Error(`${index}`)));
  expect(causeChain(many)).toHaveLength(16);
  expect(causeChain('no error')).toEqual([]);
});
