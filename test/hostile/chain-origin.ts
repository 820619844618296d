import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** One answer of {@link ChainOrigin}; `raw` is sent as it is. */
export type ChainAnswer =
  | {
      readonly status: number;
      readonly location?: string;
      readonly body?: string;
      readonly cutAfter?: number;
    }
  | { readonly raw: string };

export interface ChainRequest {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  /** The whole head of the request as received. */
  readonly head: string;
}

/** An origin on 127.0.0.1 that sends given bytes, one answer for each connection, under any host name. */
export interface ChainOrigin extends AsyncDisposable {
  readonly port: number;
  readonly requests: readonly ChainRequest[];
  answer: (request: ChainRequest) => ChainAnswer;
}

export async function startChainOrigin(): Promise<ChainOrigin> {
  const requests: ChainRequest[] = [];
  const sockets = new Set<Socket>();
  const origin = {
    answer: (): ChainAnswer => ({ status: 404 }),
    port: 0,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  } as ChainOrigin & { port: number };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // The reader may disconnect.
    socket.on('error', () => undefined);
    let head = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      head += text;
      if (!head.includes('\r\n\r\n')) return;
      const [, method = '', path = ''] = /^(\S+) (\S+) /.exec(head) ?? [];
      const host = /^host: (.*)$/im.exec(head)?.[1]?.trim() ?? '';
      const request = { method, path, host, head };
      requests.push(request);
      send(socket, method, origin.answer(request));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin.port = (server.address() as AddressInfo).port;
  return origin;
}

function send(socket: Socket, method: string, answer: ChainAnswer): void {
  if ('raw' in answer) {
    socket.end(answer.raw, 'latin1');
    return;
  }
  const { status, location, body = '', cutAfter } = answer;
  const lines = [
    `HTTP/1.1 ${status} Answer`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Content-Type: text/html',
    'ETag: "one"',
    'Accept-Ranges: bytes',
    'Connection: close',
    ...(location === undefined ? [] : [`Location: ${location}`]),
  ];
  const sent = method === 'HEAD' ? '' : body.slice(0, cutAfter);
  socket.end(`${lines.join('\r\n')}\r\n\r\n${sent}`, 'utf8');
}
