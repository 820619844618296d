import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** A client that sends more than this after its answer is cut off. It covers bodies of clients that never read early. */
const LARGEST_DISCARDED_BYTES = 64 * 1024 * 1024;
const LONGEST_DISCARD_MS = 30_000;
const LOOK_INTERVAL_MS = 100;

/** Larger bodies are not worth a kept connection: whoever sends one without reading its answer pays for all of it. */
const LARGEST_KEPT_BYTES = 64 * 1024;

/** Whether the request announces a body. Its bytes may not have arrived. */
export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) > 0);
}

/**
 * Whether an answer that does not read the request's body must close the connection. The next request would stand behind
 * a body that is large, or that the client leaves out because it got no `100 Continue` (RFC 9110, section 10.1.1).
 */
export function mustCloseUnread(request: IncomingMessage): boolean {
  const { headers } = request;
  if (request.complete || !hasBody(request)) return false;
  if (headers.expect !== undefined || headers['transfer-encoding'] !== undefined) return true;
  return Number(headers['content-length']) > LARGEST_KEPT_BYTES;
}

/**
 * Makes the connection of a request linger when its answer closes it: after the answer, what the client still sends is
 * read and discarded, within limits of bytes and time. A socket that is closed with unread bytes is reset, and the client
 * may lose the answer. Call it before the answer ends.
 */
export function lingerBeforeClose(request: IncomingMessage): void {
  const { socket } = request;
  // node:http calls this method when an answer with `Connection: close` has been written.
  socket.destroySoon = () => {
    Reflect.deleteProperty(socket, 'destroySoon');
    if (request.complete) return socket.destroySoon();
    socket.end();
    discardRest(request, socket);
  };
}

function discardRest(request: IncomingMessage, socket: Socket): void {
  const readBefore = socket.bytesRead;
  const cut = (): void => {
    socket.destroy();
  };
  const limit = setTimeout(cut, LONGEST_DISCARD_MS).unref();
  const look = setInterval(() => {
    if (request.complete || socket.bytesRead - readBefore > LARGEST_DISCARDED_BYTES) cut();
  }, LOOK_INTERVAL_MS).unref();
  request.once('end', cut);
  socket.once('close', () => {
    clearTimeout(limit);
    clearInterval(look);
  });
}
