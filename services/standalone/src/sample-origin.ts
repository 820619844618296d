import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SampleOriginOptions {
  readonly host: string;
  readonly port: number;
  /** Called for each request, to show which requests reach the origin. */
  readonly onRequest: (request: {
    readonly method: string;
    readonly path: string;
    readonly status: number;
  }) => void;
}

export interface SampleOrigin extends AsyncDisposable {
  /** `http://host:port`. */
  readonly address: string;
}

interface SampleFile {
  readonly type: string;
  readonly body: Buffer;
  readonly etag: string;
}

const ONE_MIB = 1024 * 1024;

/**
 * Serves two artifacts to try the mirror without internet access: `/artifacts/hello.txt` and
 * `/artifacts/random-1MiB.bin`. Their bytes are the same at every start.
 */
export async function startSampleOrigin(options: SampleOriginOptions): Promise<SampleOrigin> {
  const files = sampleFiles();
  const server = createServer((request, response) => {
    const status = answer(files, request, response);
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    options.onRequest({ method: request.method ?? 'GET', path, status });
  });
  server.maxConnections = 256;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const { address, port, family } = server.address() as AddressInfo;
  return {
    address: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function answer(
  files: ReadonlyMap<string, SampleFile>,
  request: IncomingMessage,
  response: ServerResponse,
): number {
  const { method } = request;
  if (method !== 'GET' && method !== 'HEAD')
    return plain(response, 405, 'the sample origin answers GET and HEAD\n');
  const file = files.get((request.url ?? '/').split('?', 1)[0] ?? '/');
  if (file === undefined)
    return plain(response, 404, `the sample origin has ${[...files.keys()].join(' and ')}\n`);
  response.writeHead(200, { 'content-type': file.type, 'content-length': file.body.length, etag: file.etag });
  response.end(method === 'HEAD' ? undefined : file.body);
  return 200;
}

function plain(response: ServerResponse, status: number, text: string): number {
  response.writeHead(status, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text) });
  response.end(text);
  return status;
}

function sampleFiles(): ReadonlyMap<string, SampleFile> {
  const file = (type: string, body: Buffer): SampleFile => {
    const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"`;
    return { type, body, etag };
  };
  return new Map([
    ['/artifacts/hello.txt', file('text/plain; charset=utf-8', Buffer.from('Hello from the origin.\n'))],
    ['/artifacts/random-1MiB.bin', file('application/octet-stream', pseudoRandomBytes(ONE_MIB))],
  ]);
}

/** Pseudo-random bytes, the same each time. */
function pseudoRandomBytes(size: number): Buffer {
  const blocks: Buffer[] = [];
  for (let made = 0; made < size; made += 32)
    blocks.push(createHash('sha256').update(`sample ${made}`).digest());
  return Buffer.concat(blocks).subarray(0, size);
}
