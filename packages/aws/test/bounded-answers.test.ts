import { once } from 'node:events';
import { createServer, Agent as HttpAgent } from 'node:http';
import type { Server } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { HttpRequest } from '@smithy/core/protocols';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BoundedAnswerHandler, MOST_ANSWER_BYTES, MOST_ERROR_BYTES } from '../src/bounded-answers.ts';
import { plainRequest } from '../src/plain-request.ts';

/** Longer than an answer may be, with room for what the sockets buffer. */
const ENDLESS_BYTES = 64 * 1024 * 1024;

let server: Server;
let port: number;
/** Bytes of the body that the server handed to the socket before the client closed the connection. */
let sent: Promise<number>;

beforeEach(async () => {
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://server');
    const bytes = Number(url.searchParams.get('bytes'));
    response.writeHead(Number(url.searchParams.get('status')), { 'content-length': bytes });
    const { promise, resolve } = Promise.withResolvers<number>();
    sent = promise;
    let written = 0;
    response.once('close', () => resolve(written));
    const write = (): void => {
      while (written < bytes) {
        const piece = Buffer.alloc(Math.min(16_384, bytes - written), 'e');
        written += piece.length;
        if (!response.write(piece)) return void response.once('drain', write);
      }
      response.end();
    };
    write();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

async function bySdk(status: number, bytes: number, query: Record<string, string> = {}) {
  const handler = new BoundedAnswerHandler();
  const { response } = await handler.handle(
    new HttpRequest({
      protocol: 'http:',
      hostname: '127.0.0.1',
      port,
      method: 'GET',
      path: '/',
      query: { status: String(status), bytes: String(bytes), ...query },
    }),
  );
  return { statusCode: response.statusCode, body: text(response.body as Readable) };
}

async function plain(status: number, bytes: number) {
  const { statusCode, body } = await plainRequest([new HttpAgent(), new HttpsAgent()], 5_000, {
    base: new URL(`http://127.0.0.1:${port}`),
    path: `/?status=${status}&bytes=${bytes}`,
    method: 'POST',
    signal: new AbortController().signal,
  });
  return { statusCode, body: Promise.resolve(body) };
}

describe.each([
  { by: 'the handler of the SDK', call: bySdk },
  { by: 'a call beside the SDK', call: plain },
])('$by', ({ call }) => {
  test.each([301, 400, 403, 404, 412, 500, 503])(
    'reads an error of usual length whole: %i',
    async (status) => {
      const { statusCode, body } = await call(status, MOST_ERROR_BYTES);
      expect(statusCode).toBe(status);
      expect((await body).length).toBe(MOST_ERROR_BYTES);
    },
  );

  test.each([301, 400, 403, 404, 412, 500, 503])(
    'keeps only the status of an endless error, and closes the connection: %i',
    async (status) => {
      const { statusCode, body } = await call(status, ENDLESS_BYTES);
      expect(statusCode).toBe(status);
      expect(await body).toBe('');
      expect(await sent).toBeLessThan(ENDLESS_BYTES);
    },
  );

  test('reads a long answer whole', async () => {
    const { body } = await call(200, MOST_ERROR_BYTES * 4);
    expect((await body).length).toBe(MOST_ERROR_BYTES * 4);
  });

  test('fails on an endless answer, and closes the connection', async () => {
    const answer = async (): Promise<string> => (await call(200, ENDLESS_BYTES)).body;
    await expect(answer()).rejects.toThrow(`longer than ${MOST_ANSWER_BYTES} bytes`);
    expect(await sent).toBeLessThan(ENDLESS_BYTES);
  });
});

test('the body of an object is a stream of any length', async () => {
  const { body } = await bySdk(200, MOST_ANSWER_BYTES + 1, { 'x-id': 'GetObject' });
  expect((await body).length).toBe(MOST_ANSWER_BYTES + 1);
});

test('an error that stalls ends with the signal of its call', async () => {
  const stalling = createServer((_request, response) => {
    response.writeHead(503, { 'content-length': 100 });
    response.write('the beginning');
  });
  stalling.listen(0, '127.0.0.1');
  await once(stalling, 'listening');
  try {
    const called = new AbortController();
    stalling.once('request', () => setImmediate(() => called.abort()));
    const handling = new BoundedAnswerHandler().handle(
      new HttpRequest({
        protocol: 'http:',
        hostname: '127.0.0.1',
        port: (stalling.address() as AddressInfo).port,
        method: 'GET',
        path: '/',
      }),
      { abortSignal: called.signal },
    );
    await expect(handling).rejects.toThrow(/abort/i);
  } finally {
    stalling.closeAllConnections();
    stalling.close();
  }
});
