import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from 'node:net';
import { HttpOrigin, type HttpOriginOptions } from '../../src/http-origin.ts';
import { createSourcePolicy } from '../../src/source-policy.ts';

const fixtures = new URL('../fixtures/', import.meta.url);
export const TEST_CERTIFICATE = readFileSync(new URL('origin.test.cert.pem', fixtures), 'utf8');
export const TEST_AUTHORITY = readFileSync(new URL('authority.cert.pem', fixtures), 'utf8');
export const ISSUED_CERTIFICATE = readFileSync(new URL('issued.cert.pem', fixtures), 'utf8');
export const EXPIRED_CERTIFICATE = readFileSync(new URL('expired.cert.pem', fixtures), 'utf8');
export const TEST_KEY = readFileSync(new URL('origin.test.key.pem', fixtures), 'utf8');

/** A server on a free port of 127.0.0.1. Disposing of it cuts its connections. */
export interface LocalServer extends AsyncDisposable {
  readonly port: number;
  readonly connections: () => number;
  /** Resets every connection. */
  readonly reset: () => void;
}

export async function serveHttp(listener: RequestListener): Promise<LocalServer> {
  return listen(createHttp(listener));
}

/** `cert` is the certificate chain that the server sends. All fixtures share one key. */
export async function serveHttps(listener: RequestListener, cert = TEST_CERTIFICATE): Promise<LocalServer> {
  return listen(createHttps({ key: TEST_KEY, cert }, listener));
}

/** Reads each request to the end of its head, then lets `answer` write raw bytes. `count` is the request's number. */
export async function serveRaw(
  answer: (socket: Socket, head: string, count: number) => void,
): Promise<LocalServer> {
  let count = 0;
  return listen(
    createTcp((socket) => {
      let head = '';
      socket.on('error', () => {
        // The origin client under test aborts connections on purpose.
      });
      socket.setEncoding('latin1').on('data', (text: string) => {
        head += text;
        if (!head.includes('\r\n\r\n')) return;
        const complete = head;
        head = '';
        count += 1;
        answer(socket, complete, count);
      });
    }),
  );
}

export async function listen(server: Server): Promise<LocalServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    reset: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** An origin client that may connect to servers on 127.0.0.1; see {@link LONG} for its time limits. */
export function localOrigin(options: Partial<HttpOriginOptions> = {}): HttpOrigin {
  return new HttpOrigin({
    policy: createSourcePolicy({
      requireTls: false,
      allow: [{ pattern: '^https?://[a-z0-9.-]+(?::[0-9]+)?/', privateAddresses: true }],
    }),
    redirectLimit: 5,
    maxObjectBytes: 1_000_000,
    timeouts: LONG,
    userAgent: 'test',
    ca: TEST_CERTIFICATE,
    ...options,
  });
}

export const LONG = { connectSeconds: 10, firstByteSeconds: 10, totalSeconds: 60, minimumBytesPerSecond: 1 };

export async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
