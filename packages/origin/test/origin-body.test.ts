import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createSourcePolicy } from '../src/source-policy.ts';
import { localOrigin, LONG, readAll, serveRaw } from './support/local-origin.ts';

const BYTES = Buffer.from('0123456789'.repeat(20));
const RESUMABLE = 'Accept-Ranges: bytes\r\nETag: "v1"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n';
const DATED =
  'Accept-Ranges: bytes\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nDate: Mon, 01 Jan 2024 00:05:00 GMT\r\n';

function error(code: string, more: object = {}): Error {
  return expect.objectContaining({ name: 'OriginError', code, ...more }) as Error;
}

function at(port: number, path = '/object'): URL {
  return new URL(`http://127.0.0.1:${port}${path}`);
}

function head(status: string, headers: string): string {
  return `HTTP/1.1 ${status}\r\n${headers}\r\n`;
}

/** Sends the head of a 200 and the first 50 bytes of its body, then closes the connection. */
function cutShort(socket: Socket, headers: string): void {
  socket.end(head('200 OK', `${headers}Content-Length: ${BYTES.length}\r\n`) + BYTES.toString().slice(0, 50));
}

function redirect(socket: Socket, location: string): void {
  socket.write(head('302 Found', `Location: ${location}\r\nContent-Length: 0\r\n`));
}

function remainder(from: number, headers = 'ETag: "v1"\r\n', size: number | string = BYTES.length): string {
  const text = BYTES.toString().slice(from);
  return (
    head(
      '206 Partial Content',
      `${headers}Content-Range: bytes ${from}-${BYTES.length - 1}/${size}\r\nContent-Length: ${text.length}\r\n`,
    ) + text
  );
}

describe('a body that is cut short', () => {
  test.each<[string, string]>([
    ['with a length', `${head('200 OK', 'Content-Length: 100\r\n')}short`],
    ['with chunks', `${head('200 OK', 'Transfer-Encoding: chunked\r\n')}5\r\nshort\r\n`],
    ['within a chunk', `${head('200 OK', 'Transfer-Encoding: chunked\r\n')}a\r\nshort`],
    ['with Connection: close', `${head('200 OK', 'Connection: close\r\nContent-Length: 100\r\n')}short`],
  ])('%s is interrupted', async (_, answer) => {
    await using server = await serveRaw((socket) => socket.end(answer));
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    await expect(readAll(object.body)).rejects.toThrow(error('origin_interrupted', { retryable: true }));
    expect(object.sha256()).toBeNull();
  });

  test('by a reset is interrupted', async () => {
    await using server = await serveRaw((socket) => {
      socket.write(`${head('200 OK', 'Content-Length: 100\r\n')}short`, () => socket.resetAndDestroy());
    });
    await using origin = localOrigin();
    const attempt = origin.open(at(server.port)).then(({ body }) => readAll(body));
    await expect(attempt).rejects.toThrow(
      error(expect.stringMatching(/origin_(interrupted|unreachable)/) as string),
    );
  });
});

describe('a body without proof of its end', () => {
  const closing = 'Connection: close\r\n';

  test.each([head('200 OK', closing), 'HTTP/1.0 200 OK\r\n\r\n'])('is refused (%j)', async (start) => {
    await using server = await serveRaw((socket) => socket.end(`${start}all of it`));
    await using origin = localOrigin();
    await expect(origin.open(at(server.port))).rejects.toThrow(
      error('origin_mismatch', { retryable: false }),
    );
  });

  test('is accepted if a digest of the whole body matches', async () => {
    const md5 = createHash('md5').update('all of it').digest('base64');
    await using server = await serveRaw((socket) =>
      socket.end(`${head('200 OK', `${closing}Content-MD5: ${md5}\r\n`)}all of it`),
    );
    await using origin = localOrigin();
    expect((await readAll((await origin.open(at(server.port))).body)).toString()).toBe('all of it');
  });

  test('is refused if the digest does not match', async () => {
    const md5 = createHash('md5').update('all of it').digest('base64');
    await using server = await serveRaw((socket) =>
      socket.end(`${head('200 OK', `${closing}Content-MD5: ${md5}\r\n`)}all of`),
    );
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    await expect(readAll(object.body)).rejects.toThrow(error('origin_mismatch'));
  });

  test('is refused if it has a transfer coding other than chunked', async () => {
    await using server = await serveRaw((socket) =>
      socket.end(`${head('200 OK', 'Transfer-Encoding: gzip, chunked\r\n')}1\r\nx\r\n0\r\n\r\n`),
    );
    await using origin = localOrigin();
    await expect(origin.open(at(server.port))).rejects.toThrow(error('origin_mismatch'));
  });
});

test('bytes that do not match a digest are an origin_mismatch that names the digest', async () => {
  await using server = await serveRaw((socket) =>
    socket.write(`${head('200 OK', `Content-MD5: ${'A'.repeat(22)}==\r\nContent-Length: 4\r\n`)}body`),
  );
  await using origin = localOrigin();
  const object = await origin.open(at(server.port));
  const reading = readAll(object.body);
  await expect(reading).rejects.toThrow(error('origin_mismatch', { retryable: true }));
  await expect(reading).rejects.toThrow('Content-MD5');
  expect(object.sha256()).toBeNull();
});

test('a body of unknown length is aborted at maxObjectBytes', async () => {
  await using server = await serveRaw((socket) => {
    socket.write(head('200 OK', 'Transfer-Encoding: chunked\r\n'));
    const more = (): void => {
      while (!socket.destroyed && socket.write(`3e8\r\n${'x'.repeat(1000)}\r\n`));
    };
    socket.on('drain', more);
    more();
  });
  await using origin = localOrigin({ maxObjectBytes: 100_000 });
  const object = await origin.open(at(server.port));
  await expect(readAll(object.body)).rejects.toThrow(error('too_large'));
});

describe('a body that is too slow', () => {
  const timeouts = { ...LONG, firstByteSeconds: 1, minimumBytesPerSecond: 1000 };

  test('is interrupted if it stalls', async () => {
    await using server = await serveRaw((socket) =>
      socket.write(`${head('200 OK', 'Content-Length: 100\r\n')}some`),
    );
    await using origin = localOrigin({ timeouts });
    const object = await origin.open(at(server.port));
    await expect(readAll(object.body)).rejects.toThrow(error('origin_interrupted', { retryable: true }));
  });

  test('is interrupted if it drips', async () => {
    await using server = await serveRaw((socket) => {
      socket.write(head('200 OK', 'Content-Length: 100000\r\n'));
      const timer = setInterval(() => socket.write('x'), 10);
      socket.once('close', () => clearInterval(timer));
    });
    await using origin = localOrigin({ timeouts });
    const object = await origin.open(at(server.port));
    await expect(readAll(object.body)).rejects.toThrow(error('origin_interrupted'));
  });

  test('is interrupted at the total time limit, however steady it is', async () => {
    await using server = await serveRaw((socket) => {
      socket.write(head('200 OK', 'Content-Length: 100000\r\n'));
      const timer = setInterval(() => socket.write('x'), 10);
      socket.once('close', () => clearInterval(timer));
    });
    await using origin = localOrigin({ timeouts: { ...LONG, totalSeconds: 1 } });
    const object = await origin.open(at(server.port));
    await expect(readAll(object.body)).rejects.toThrow(error('origin_interrupted'));
  });

  test('is not assumed if the consumer is slow', async () => {
    await using server = await serveRaw((socket) => {
      socket.write(head('200 OK', 'Transfer-Encoding: chunked\r\n'));
      socket.write(`5\r\nfirst\r\n`);
      setTimeout(() => socket.write(`6\r\nsecond\r\n0\r\n\r\n`), 100);
    });
    await using origin = localOrigin({
      timeouts: { ...LONG, firstByteSeconds: 1, minimumBytesPerSecond: 4 },
    });
    const object = await origin.open(at(server.port));
    let text = '';
    for await (const chunk of object.body) {
      text += Buffer.from(chunk).toString();
      // Longer than the window over which the rate is measured.
      if (text === 'first') await new Promise((resolve) => setTimeout(resolve, 1500));
    }
    expect(text).toBe('firstsecond');
  });
});

describe('a broken body is resumed', () => {
  test.each<[string, string, string, string]>([
    ['a strong ETag', RESUMABLE, '"v1"', 'ETag: "v1"\r\n'],
    [
      'a strong ETag that the 206 repeats, and its Last-Modified',
      RESUMABLE,
      '"v1"',
      'ETag: "v1"\r\nETag: "v1"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n',
    ],
    [
      'a Last-Modified well before Date',
      DATED,
      'Mon, 01 Jan 2024 00:00:00 GMT',
      'Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n',
    ],
  ])('with %s', async (_, headers, validator, remainderHeaders) => {
    const heads: string[] = [];
    await using server = await serveRaw((socket, request, count) => {
      heads.push(request.toLowerCase());
      if (count === 1) cutShort(socket, headers);
      else socket.write(remainder(50, remainderHeaders));
    });
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    expect((await readAll(object.body)).equals(BYTES)).toBe(true);
    expect(object.sha256()).toBe(createHash('sha256').update(BYTES).digest('hex'));
    expect(heads).toHaveLength(2);
    expect(heads[1]).toContain('range: bytes=50-\r\n');
    expect(heads[1]).toContain(`if-range: ${validator.toLowerCase()}\r\n`);
  });

  test('after each of several breaks, refusals and stalls', async () => {
    await using server = await serveRaw((socket, _, count) => {
      if (count === 1) cutShort(socket, RESUMABLE);
      else if (count === 2) socket.end(remainder(50).slice(0, -100));
      else if (count === 3) socket.write(head('503 Busy', 'Content-Length: 0\r\n'));
      else if (count === 4) socket.write(remainder(100).slice(0, -50));
      else socket.write(remainder(150));
    });
    await using origin = localOrigin({
      timeouts: { ...LONG, firstByteSeconds: 1, minimumBytesPerSecond: 1000 },
    });
    const object = await origin.open(at(server.port));
    expect((await readAll(object.body)).equals(BYTES)).toBe(true);
  });

  test('although its length was not known before', async () => {
    await using server = await serveRaw((socket, _, count) => {
      if (count === 1)
        socket.end(`${head('200 OK', `${RESUMABLE}Transfer-Encoding: chunked\r\n`)}a\r\n0123456789\r\n`);
      else socket.write(remainder(10));
    });
    await using origin = localOrigin();
    expect((await readAll((await origin.open(at(server.port))).body)).equals(BYTES)).toBe(true);
  });

  test('from the first URL again if the signature of the redirect target has expired', async () => {
    const asked: string[] = [];
    await using server = await serveRaw((socket, request, count) => {
      asked.push(request.split(' ')[1] ?? '');
      if (request.startsWith('GET /object'))
        socket.write(head('302 Found', `Location: /signed?sig=${count}\r\nContent-Length: 0\r\n`));
      else if (count === 2) cutShort(socket, RESUMABLE);
      else if (request.startsWith('GET /signed?sig=1'))
        socket.write(head('403 Expired', 'Content-Length: 0\r\n'));
      else socket.write(remainder(50));
    });
    await using origin = localOrigin({
      policy: createSourcePolicy({
        requireTls: false,
        allow: [{ prefix: `http://127.0.0.1:${server.port}/`, privateAddresses: true }],
      }),
    });
    const object = await origin.open(at(server.port));
    expect((await readAll(object.body)).equals(BYTES)).toBe(true);
    expect(asked).toEqual(['/object', '/signed?sig=1', '/signed?sig=1', '/object', '/signed?sig=4']);
  });

  test('and then verified as a whole', async () => {
    const md5 = createHash('md5').update('something else').digest('base64');
    await using server = await serveRaw((socket, _, count) => {
      if (count === 1) cutShort(socket, `${RESUMABLE}Content-MD5: ${md5}\r\n`);
      else socket.write(remainder(50));
    });
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    await expect(readAll(object.body)).rejects.toThrow(error('origin_mismatch'));
  });
});

describe('a broken body is not resumed', () => {
  test.each<[string, string]>([
    ['without Accept-Ranges', 'ETag: "v1"\r\n'],
    ['with Accept-Ranges: none', 'Accept-Ranges: none\r\nETag: "v1"\r\n'],
    ['without a validator', 'Accept-Ranges: bytes\r\n'],
    ['with a weak ETag', 'Accept-Ranges: bytes\r\nETag: W/"v1"\r\n'],
    [
      'with a weak ETag and a Last-Modified',
      'Accept-Ranges: bytes\r\nETag: W/"v1"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nDate: Mon, 01 Jan 2024 00:05:00 GMT\r\n',
    ],
    [
      'with a Last-Modified too close to Date',
      'Accept-Ranges: bytes\r\nLast-Modified: Mon, 01 Jan 2024 00:05:00 GMT\r\nDate: Mon, 01 Jan 2024 00:05:00 GMT\r\n',
    ],
    [
      'with a Last-Modified without Date',
      'Accept-Ranges: bytes\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n',
    ],
  ])('%s', async (_, headers) => {
    let asked = 0;
    await using server = await serveRaw((socket) => {
      asked += 1;
      cutShort(socket, headers);
    });
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    await expect(readAll(object.body)).rejects.toThrow(error('origin_interrupted'));
    expect(asked).toBe(1);
  });

  test.each<[string, string]>([
    [
      'a 200: the object changed',
      `${head('200 OK', `Content-Length: ${BYTES.length}\r\n`)}${BYTES.toString()}`,
    ],
    ['another ETag', remainder(50, 'ETag: "v2"\r\n')],
    ['another range', remainder(49)],
    ['another length', remainder(50, 'ETag: "v1"\r\n', 300)],
    [
      'another Last-Modified',
      remainder(50, 'ETag: "v1"\r\nLast-Modified: Tue, 02 Jan 2024 00:00:00 GMT\r\n'),
    ],
    ['no validator', remainder(50, '')],
    ['a Last-Modified only', remainder(50, 'Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n')],
    ['the ETag as a weak one', remainder(50, 'ETag: W/"v1"\r\n')],
    ['the ETag in other case', remainder(50, 'ETag: "V1"\r\n')],
    ['the ETag without its quotes', remainder(50, 'ETag: v1\r\n')],
    ['two ETags', remainder(50, 'ETag: "v1"\r\nETag: "v2"\r\n')],
    ['a range that ends beyond the object', remainder(50).replace('-199/200', '-200/201')],
    ['a length that differs from its range', remainder(50).replace('bytes 50-199', 'bytes 50-198')],
    ['two ranges', remainder(50, 'ETag: "v1"\r\nContent-Range: bytes 50-100/200\r\n')],
    [
      'more bytes than its range has',
      `${head('206 Partial', 'ETag: "v1"\r\nContent-Range: bytes 50-51/200\r\nTransfer-Encoding: chunked\r\n')}3\r\nabc\r\n0\r\n\r\n`,
    ],
    ['another encoding', remainder(50, 'ETag: "v1"\r\nContent-Encoding: gzip\r\n')],
    ['no range', head('206 Partial Content', 'Content-Length: 150\r\n') + BYTES.toString().slice(50)],
    [
      'several ranges',
      head('206 Partial Content', 'Content-Type: multipart/byteranges\r\nContent-Length: 0\r\n'),
    ],
    ['412', head('412 Precondition Failed', 'Content-Length: 0\r\n')],
    ['416', head('416 Range Not Satisfiable', 'Content-Range: bytes */200\r\nContent-Length: 0\r\n')],
    ['404', head('404 Not Found', 'Content-Length: 0\r\n')],
  ])('after %s', async (_, answer) => {
    await using server = await serveRaw((socket, _head, count) => {
      if (count === 1) cutShort(socket, RESUMABLE);
      else socket.write(answer);
    });
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    const code = expect.stringMatching(/^origin_(interrupted|mismatch)$/) as string;
    await expect(readAll(object.body)).rejects.toThrow(error(code, { retryable: true }));
    expect(object.sha256()).toBeNull();
  });

  test.each<[string, string]>([
    ['no Last-Modified', ''],
    ['another Last-Modified', 'Last-Modified: Tue, 02 Jan 2024 00:00:00 GMT\r\n'],
    ['an ETag that was not there', 'ETag: "v1"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n'],
  ])('with a Last-Modified after %s', async (_, headers) => {
    await using server = await serveRaw((socket, _head, count) => {
      if (count === 1) cutShort(socket, DATED);
      else socket.write(remainder(50, headers));
    });
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    await expect(readAll(object.body)).rejects.toThrow(error('origin_interrupted', { retryable: true }));
  });

  test.each<[string, string, (other: number) => string]>([
    ['another host', '/file', (other) => `http://127.0.0.1:${other}/file`],
    ['another path', '/file', () => '/other'],
    ['another query', '/file?id=1', () => '/file?id=2'],
  ])('with an equal ETag from %s', async (_, firstPlace, nextPlace) => {
    await using other = await serveRaw((socket) => socket.write(remainder(50)));
    await using server = await serveRaw((socket, request, count) => {
      if (count === 1) redirect(socket, firstPlace);
      else if (count === 2) cutShort(socket, RESUMABLE);
      else if (request.startsWith(`GET ${firstPlace} `)) redirect(socket, nextPlace(other.port));
      else socket.write(remainder(50));
    });
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    await expect(readAll(object.body)).rejects.toThrow(error('origin_interrupted', { retryable: true }));
  });

  test('after a redirect to an address that is not allowed', async () => {
    await using server = await serveRaw((socket, _, count) => {
      if (count === 1) cutShort(socket, RESUMABLE);
      else socket.write(head('302 Found', 'Location: http://169.254.169.254/\r\nContent-Length: 0\r\n'));
    });
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    await expect(readAll(object.body)).rejects.toThrow(error('not_allowed'));
  });

  test('after its caller aborts', async () => {
    const caller = new AbortController();
    const reason = new Error('gone');
    await using server = await serveRaw((socket) => {
      socket.write(`${head('200 OK', `${RESUMABLE}Content-Length: 100\r\n`)}some`);
    });
    await using origin = localOrigin();
    const object = await origin.open(at(server.port), { signal: caller.signal });
    const reading = (async () => {
      for await (const _ of object.body) caller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
    expect(server.connections()).toBe(1);
  });
});

describe('a guessed digest', () => {
  const S3 = 'x-amz-request-id: R\r\nETag: "0123456789abcdef0123456789abcdef"\r\n';
  const sha256 = createHash('sha256').update('body').digest('hex');
  const failed: Error = expect.objectContaining({
    name: 'OriginError',
    code: 'origin_mismatch',
    retryable: true,
    field: 'ETag',
    sha256,
  }) as Error;

  test('that fails is a mismatch with the SHA-256 of the received bytes', async () => {
    await using server = await serveRaw((socket) =>
      socket.write(`${head('200 OK', `${S3}Content-Length: 4\r\n`)}body`),
    );
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    expect(object.hasDigest).toBe(true);
    await expect(readAll(object.body)).rejects.toThrow(failed);
  });

  test('that failed before for the same bytes is ignored', async () => {
    await using server = await serveRaw((socket) =>
      socket.write(`${head('200 OK', `${S3}Content-Length: 4\r\n`)}body`),
    );
    await using origin = localOrigin();
    const object = await origin.open(at(server.port), { guessFailedWith: sha256 });
    expect(object.hasDigest).toBe(false);
    expect((await readAll(object.body)).toString()).toBe('body');
    expect(object.sha256()).toBe(sha256);
  });

  test('that failed before for other bytes fails again', async () => {
    await using server = await serveRaw((socket) =>
      socket.write(`${head('200 OK', `${S3}Content-Length: 4\r\n`)}body`),
    );
    await using origin = localOrigin();
    const object = await origin.open(at(server.port), { guessFailedWith: 'f'.repeat(64) });
    await expect(readAll(object.body)).rejects.toThrow(failed);
  });

  test('that failed before does not prove the end of a body', async () => {
    await using server = await serveRaw((socket) =>
      socket.end(`${head('200 OK', `${S3}Connection: close\r\n`)}body`),
    );
    await using origin = localOrigin();
    await expect(origin.open(at(server.port), { guessFailedWith: sha256 })).rejects.toThrow(
      error('origin_mismatch', { retryable: false }),
    );
  });

  test('is not a stated digest, which fails regardless of earlier failures', async () => {
    const claim = `Content-MD5: ${'A'.repeat(22)}==\r\n`;
    await using server = await serveRaw((socket) =>
      socket.write(`${head('200 OK', `${S3}${claim}Content-Length: 4\r\n`)}body`),
    );
    await using origin = localOrigin();
    const object = await origin.open(at(server.port), { guessFailedWith: sha256 });
    await expect(readAll(object.body)).rejects.toThrow('Content-MD5');
  });
});

describe('a temporary refusal of the request for the remaining bytes', () => {
  const first = `${head('200 OK', 'Content-Length: 10\r\nETag: "v"\r\nAccept-Ranges: bytes\r\n')}begin`;
  const refused = (status: string, retryAfter: string): string =>
    head(status, `Content-Length: 0\r\nRetry-After: ${retryAfter}\r\nConnection: close\r\n`);

  test.each(['429 Too Many Requests', '503 Service Unavailable'])(
    'with %s and a long Retry-After ends the call with that pause',
    async (status) => {
      let requests = 0;
      await using server = await serveRaw((socket, _head, count) => {
        requests = count;
        socket.end(count === 1 ? first : refused(status, '37'));
      });
      await using origin = localOrigin();
      const object = await origin.open(at(server.port));
      await expect(readAll(object.body)).rejects.toThrow(
        error('origin_interrupted', { retryable: true, retryAfterSeconds: 37 }),
      );
      expect(requests).toBe(2);
    },
  );

  test('with a short Retry-After is retried after that pause', async () => {
    await using server = await serveRaw((socket, _head, count) => {
      if (count === 1) socket.end(first);
      else if (count === 2) socket.end(refused('503 Service Unavailable', '1'));
      else
        socket.end(
          `${head('206 Partial', 'Content-Range: bytes 5-9/10\r\nContent-Length: 5\r\nETag: "v"\r\n')}12345`,
        );
    });
    await using origin = localOrigin();
    const object = await origin.open(at(server.port));
    expect((await readAll(object.body)).toString()).toBe('begin12345');
  });
});
