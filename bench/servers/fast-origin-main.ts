/**
 * An origin that costs little: `/bytes/<size>/<anything>` has so many bytes, `/slow/<anything>` never answers. Requests
 * are counted: `GET /.origin` tells by method, `DELETE /.origin` forgets.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

const BLOCK = Buffer.alloc(1024 * 1024, 'sixteen bytes.\n\n');
let requests: Record<string, number> = {};

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.keepAliveTimeout = 75_000;
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ msg: 'ready', address: `http://127.0.0.1:${port}` })}\n`);
});

async function answer(
  { method = 'GET', url = '/' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (url === '/.origin') {
    if (method === 'DELETE') requests = {};
    return void response.end(JSON.stringify(requests));
  }
  requests[method] = (requests[method] ?? 0) + 1;
  if (url.startsWith('/slow/')) return;
  const sizeBytes = Number(/^\/bytes\/(\d+)\//.exec(url)?.[1] ?? Number.NaN);
  if (Number.isNaN(sizeBytes)) return void response.writeHead(404).end();
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': sizeBytes,
    etag: `"fixed-${sizeBytes}"`,
    'accept-ranges': 'none',
  });
  if (method === 'HEAD') return void response.end();
  for (let left = sizeBytes; left > 0; left -= BLOCK.length) {
    const more = response.write(left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK);
    if (!more) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    if (response.destroyed) return;
  }
  response.end();
}
