/**
 * An origin that needs little processor time: `/bytes/<size>/<anything>` has that many bytes, `/drip/<size>/<anything>`
 * too, but sends {@link DRIP_BYTES} ten times a second, `/slow/<anything>` never answers. It counts requests: `GET /.origin` returns the counts by method, `DELETE /.origin` resets them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { serveOnLoopback } from './loopback-server.ts';

const BLOCK = Buffer.alloc(1024 * 1024, 'sixteen bytes.\n\n');
const DRIP_BYTES = 2_500;
let requests: Record<string, number> = {};

const server = serveOnLoopback((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.keepAliveTimeout = 75_000;

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
  const sizeBytes = Number(/^\/(?:bytes|drip)\/(\d+)\//.exec(url)?.[1] ?? Number.NaN);
  if (Number.isNaN(sizeBytes)) return void response.writeHead(404).end();
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': sizeBytes,
    etag: `"fixed-${sizeBytes}"`,
    'accept-ranges': 'none',
  });
  if (method === 'HEAD') return void response.end();
  if (url.startsWith('/drip/')) return drip(response, sizeBytes);
  for (let left = sizeBytes; left > 0; left -= BLOCK.length) {
    const more = response.write(left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK);
    if (!more) await drainedOrClosed(response);
    if (response.destroyed) return;
  }
  response.end();
}

function drip(response: ServerResponse, sizeBytes: number): void {
  let left = sizeBytes;
  const timer = setInterval(() => {
    response.write(BLOCK.subarray(0, Math.min(left, DRIP_BYTES)));
    left -= DRIP_BYTES;
    if (left <= 0) response.end();
  }, 100);
  response.once('close', () => clearInterval(timer));
}

/** Removes its listeners, because a large object waits thousands of times. */
async function drainedOrClosed(response: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const settle = (): void => resolve();
  response.once('drain', settle).once('close', settle);
  await promise;
  response.off('drain', settle).off('close', settle);
}
