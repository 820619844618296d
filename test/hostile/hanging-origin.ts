import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** An origin that never answers, except for paths below `/answers/`. */
export interface HangingOrigin extends AsyncDisposable {
  url(path: string): string;
  readonly baseUrl: string;
  /** Connections open now. */
  readonly open: number;
  /** The most connections that were open at once. */
  readonly mostOpen: number;
  /** Requests that hang now. */
  readonly hanging: number;
}

export async function startHangingOrigin(host = '127.0.0.1'): Promise<HangingOrigin> {
  const sockets = new Set<Socket>();
  const hanging = new Set<ServerResponse>();
  let mostOpen = 0;
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/answers/') === true) {
      response.writeHead(200, { 'content-length': 7, etag: '"1"' });
      response.end(request.method === 'HEAD' ? undefined : 'answers');
      return;
    }
    hanging.add(response);
    response.once('close', () => hanging.delete(response));
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    mostOpen = Math.max(mostOpen, sockets.size);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen({ port: 0, host, backlog: 4096 });
  await once(server, 'listening');
  const baseUrl = `http://${host}:${(server.address() as AddressInfo).port}`;
  return {
    baseUrl,
    url: (path) => baseUrl + path,
    get open() {
      return sockets.size;
    },
    get mostOpen() {
      return mostOpen;
    },
    get hanging() {
      return hanging.size;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
