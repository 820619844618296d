import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { localOrigin, readAll, serveHttp, serveRaw } from './support/local-origin.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody';
const CHUNKED = '4\r\nbody\r\n0\r\n\r\n';

/** An answer with the given Content-Length fields, of which there are several. */
function withLengths(fields: string): string {
  return `HTTP/1.1 200 OK\r\n${fields}\r\nETag: "a"\r\n\r\nbody`;
}

function unreadable(fault: string): Error {
  return expect.objectContaining({
    name: 'OriginError',
    code: 'origin_unreachable',
    retryable: true,
    message: expect.stringContaining(`cannot be read: its answer ${fault}`) as string,
  }) as Error;
}

function at(port: number): URL {
  return new URL(`http://127.0.0.1:${port}/object`);
}

/** Sends `text` as the answer to a GET, and only its head as the answer to a HEAD. */
function answerWith(text: string): (socket: Socket, head: string) => void {
  return (socket, head) => {
    const end = text.search(/\r?\n\r?\n(?!HTTP)/);
    socket.end(Buffer.from(head.startsWith('HEAD') ? `${text.slice(0, end)}\r\n\r\n` : text, 'latin1'));
  };
}

describe('an answer that RFC 9110 and 9112 let a client accept is accepted', () => {
  test.each<[string, string]>([
    ['after an unrequested 100', `HTTP/1.1 100 Continue\r\n\r\n${OK}`],
    ['after two 100s with headers', `HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 100 Go on\r\n\r\n${OK}`],
    ['after a 102', `HTTP/1.1 102 Processing\r\n\r\n${OK}`],
    ['after a 103 and a 100', `HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${OK}`],
    ['after an unknown 1xx', `HTTP/1.1 150 Hm\r\n\r\n${OK}`],
    ['after an empty line', `\r\n${OK}`],
    ['without a reason phrase', 'HTTP/1.1 200\r\nContent-Length: 4\r\n\r\nbody'],
    ['in HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody'],
    ['in a later HTTP/1.x', 'HTTP/1.2 200 OK\r\nContent-Length: 4\r\n\r\nbody'],
    ['with folded headers', 'HTTP/1.1 200 OK\r\nX-Long: a\r\n  b\r\nContent-Length: 4\r\n\r\nbody'],
    ['with Content-Length twice', withLengths('Content-Length: 4\r\nContent-Length: 4')],
    [
      'with Content-Length three times',
      withLengths('content-length:4\r\nX: y\r\nCONTENT-LENGTH: \t4 \r\nContent-Length: 4'),
    ],
    ['with a list of equal Content-Lengths', withLengths('Content-Length: 4, 4')],
    ['with two lists of equal Content-Lengths', withLengths('Content-Length: 4,4\r\nContent-Length: 4')],
    [
      'with Content-Length twice after a 100',
      `HTTP/1.1 100 Continue\r\n\r\n${withLengths('Content-Length: 4\r\nContent-Length: 4')}`,
    ],
    [
      'with Content-Length twice and bare line feeds',
      'HTTP/1.1 200 OK\nContent-Length: 4\nContent-Length: 4\n\nbody',
    ],
    ['with bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 4\n\nbody'],
    ['with space around a value', 'HTTP/1.1 200 OK\r\nContent-Length:\t 4 \t\r\n\r\nbody'],
    ['with names in odd case', 'HTTP/1.1 200 OK\r\ncONTENT-lENGTH: 4\r\n\r\nbody'],
    ['with a chunked body', `HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n${CHUNKED}`],
    [
      'with trailers',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-T: 1\r\n\r\n`,
    ],
    [
      'with Content-Length before Transfer-Encoding',
      `HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED}`,
    ],
    [
      'with Content-Length after Transfer-Encoding',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n${CHUNKED}`,
    ],
    [
      'that offers an upgrade',
      `HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 4\r\n\r\nbody`,
    ],
  ])('%s', async (_, text) => {
    await using server = await serveRaw(answerWith(text));
    await using origin = localOrigin();
    // Twice, because the client remembers which servers need the lenient parser. That must not change the result.
    for (let round = 0; round < 2; round += 1) {
      await expect(origin.inspect(at(server.port))).resolves.toMatchObject({ hops: 0 });
      const object = await origin.open(at(server.port));
      expect((await readAll(object.body)).toString()).toBe('body');
    }
  });

  test('with all the properties in its headers', async () => {
    const head = `HTTP/1.1 200 OK\r\nETag: "a"\r\nContent-Type: text/plain;\r\n charset=utf-8\r\nContent-Disposition: attachment;filename="caf\u00e9"\r\nContent-Length: 4\r\n\r\nbody`;
    await using server = await serveRaw(answerWith(`HTTP/1.1 100 Continue\r\n\r\n${head}`));
    await using origin = localOrigin();
    await using object = await origin.open(at(server.port));
    expect(object).toMatchObject({
      sizeBytes: 4,
      etag: '"a"',
      contentType: 'text/plain; charset=utf-8',
      contentDisposition: 'attachment;filename="caf\u00e9"',
    });
  });

  test('in full, if the body is large', async () => {
    const bytes = Buffer.alloc(900_000, 'abcdefghij');
    await using server = await serveHttp((_, response) => {
      response.writeContinue();
      response.setHeader('content-length', bytes.length);
      response.end(bytes);
    });
    await using origin = localOrigin();
    expect((await readAll((await origin.open(at(server.port))).body)).equals(bytes)).toBe(true);
  });

  test.each([
    [
      'with Content-Length twice',
      (length: number) => `Content-Length: ${length}\r\nContent-Length: ${length}`,
    ],
    ['with a list', (length: number) => `Content-Length: ${length}, ${length}`],
  ])('in full, %s, if it is large and arrives in packets of any length', async (_, fields) => {
    const bytes = Buffer.alloc(900_000, 'abcdefghij');
    await using server = await serveRaw((socket) => {
      socket.setNoDelay(true);
      const head = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n${fields(bytes.length)}\r\n\r\n`;
      const answer = Buffer.concat([Buffer.from(head), bytes]);
      const cuts = [1, 20, 27, 40, 46, 70, head.length - 2, head.length + 5];
      const packets = [0, ...cuts].map((cut, index) => answer.subarray(cut, cuts[index]));
      const next = (): void => {
        const packet = packets.shift();
        if (packet !== undefined && !socket.destroyed) socket.write(packet, () => setImmediate(next));
      };
      next();
    });
    await using origin = localOrigin();
    expect((await readAll((await origin.open(at(server.port))).body)).equals(bytes)).toBe(true);
  });

  test('but is an interruption if its body breaks off', async () => {
    await using server = await serveRaw((socket) =>
      socket.end('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbody'),
    );
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    await expect(readAll(object.body)).rejects.toThrow(
      expect.objectContaining({ code: 'origin_interrupted' }) as Error,
    );
  });

  test('but is an error that names the reset if its connection is reset', async () => {
    await using server = await serveRaw((socket) => {
      socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 10\r\n', () =>
        socket.resetAndDestroy(),
      );
    });
    await using origin = localOrigin();
    await expect(origin.open(at(server.port))).rejects.toThrow(
      /broke before the answer \(it reset the connection\)/,
    );
  });

  test('on a fresh connection each time, once a server needs the lenient parser', async () => {
    await using server = await serveRaw((socket) => socket.write(`HTTP/1.1 100 Continue\r\n\r\n${OK}`));
    await using origin = localOrigin();
    for (let round = 0; round < 3; round += 1) {
      const object = await origin.open(at(server.port));
      expect((await readAll(object.body)).toString()).toBe('body');
    }
    // The first request needs two connections: undici refuses the answer, then Node's client accepts it.
    expect(server.connections()).toBe(4);
  });

  test('if it is a redirect, which is then followed as usual', async () => {
    await using server = await serveRaw((socket, head) =>
      socket.end(
        head.startsWith('GET /object')
          ? 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n'
          : OK,
      ),
    );
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    expect(object.finalUrl.pathname).toBe('/next');
    expect((await readAll(object.body)).toString()).toBe('body');
  });
});

test.each([
  'chunked\t',
  'chunked \t ',
  'chunked, chunked',
  'chunked\r\nTransfer-Encoding: chunked',
  'xchunked',
  'identity',
])('undecoded chunk framing never becomes part of an object: Transfer-Encoding: %j', async (value) => {
  for (const before of ['', 'HTTP/1.1 100 Continue\r\n\r\n']) {
    await using server = await serveRaw((socket) =>
      socket.end(`${before}HTTP/1.1 200 OK\r\nTransfer-Encoding: ${value}\r\n\r\n${CHUNKED}`),
    );
    await using origin = localOrigin();
    await expect(origin.open(at(server.port))).rejects.toThrow(
      expect.objectContaining({ name: 'OriginError' }) as Error,
    );
  }
});

describe('the error for an unreadable answer says what is wrong with it', () => {
  test.each<[string, string, string]>([
    [
      'two Content-Lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody',
      'has more than one Content-Length',
    ],
    [
      'a list as Content-Length',
      'HTTP/1.1 200 OK\r\nContent-Length: 4, 5\r\n\r\nbody',
      'has a Content-Length that is not one number',
    ],
    [
      'a negative Content-Length',
      'HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nbody',
      'has a Content-Length that is not one number',
    ],
    [
      'Content-Length twice and a Transfer-Encoding',
      `HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED}`,
      'has more than one Content-Length',
    ],
    [
      'a folded Content-Length twice',
      'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n 4\r\n\r\nbody',
      'has more than one Content-Length',
    ],
    ['another protocol from the start', 'SSH-2.0-OpenSSH_9.2\r\n', 'does not begin with HTTP/'],
    ['HTTP/0.9', 'body\r\n\r\n', 'does not begin with HTTP/'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 4\r\n\r\nbody', 'has a status that is not'],
    [
      'a header without colon',
      'HTTP/1.1 200 OK\r\nfoo\r\nContent-Length: 4\r\n\r\nbody',
      'has a header line that is not',
    ],
    [
      'a control character',
      'HTTP/1.1 200 OK\r\nX: a\u0001b\r\nContent-Length: 4\r\n\r\nbody',
      'has a control character in a header',
    ],
    [
      'a space before a colon',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n${CHUNKED}`,
      'has white space before the colon',
    ],
    ...['\r\n chunked', 'chunked\r\n ', 'chu\r\n nked', 'chunked\r\n ,chunked', 'chunked\t'].map(
      (value): [string, string, string] => [
        `a Transfer-Encoding of ${JSON.stringify(value)}`,
        `HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nTransfer-Encoding: ${value}\r\n\r\n${CHUNKED}`,
        'has a Transfer-Encoding that can be read in two ways',
      ],
    ),
    [
      'a switch to another protocol',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
      'switches to another protocol',
    ],
    [
      'headers that are too large',
      `HTTP/1.1 200 OK\r\n${`X-A: ${'a'.repeat(1000)}\r\n`.repeat(100)}\r\n`,
      'has headers that are too large',
    ],
  ])('%s', async (_, text, fault) => {
    await using server = await serveRaw((socket) => socket.end(Buffer.from(text, 'latin1')));
    await using origin = localOrigin();
    await expect(origin.open(at(server.port))).rejects.toThrow(unreadable(fault));
    await expect(origin.open(at(server.port))).rejects.toThrow(unreadable(fault));
    await expect(origin.inspect(at(server.port))).rejects.toThrow(unreadable(fault));
  });

  test('endless interim responses are aborted at the time limit', async () => {
    await using server = await serveRaw((socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 100 Continue\r\n\r\n'), 20);
      socket.once('close', () => clearInterval(timer));
    });
    await using origin = localOrigin({
      timeouts: { connectSeconds: 0.5, firstByteSeconds: 0.5, totalSeconds: 60, minimumBytesPerSecond: 1 },
    });
    await expect(origin.open(at(server.port))).rejects.toThrow(
      expect.objectContaining({
        code: 'origin_unreachable',
        message: expect.stringContaining('no answer within 0.5 s') as string,
      }) as Error,
    );
  });
});
