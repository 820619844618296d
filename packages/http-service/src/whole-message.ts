import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';

/** A private field of node:http: the serialized head, which is sent with the end of the response. */
type WithHead = ServerResponse & { _header: string | null };

/**
 * Sends a complete HTTP message (status line, headers and body) as the response and ends it. Pipelined responses keep
 * their order. `writeHead` would validate each header again, which made a cache hit take a sixth longer, and node:http
 * documents no way to avoid it.
 * Check {@link takesWholeMessages} once before using it.
 * @param status for the access log; the client receives the status line in `ascii`
 */
export function sendWholeMessage(res: ServerResponse, status: number, ascii: string): void {
  res.statusCode = status;
  (res as WithHead)._header = ascii;
  res.end();
}

/** Whether {@link sendWholeMessage} works with this version of Node. */
export function takesWholeMessages(): boolean {
  const res = new ServerResponse(new IncomingMessage(new Socket()));
  const connection = new PassThrough();
  res.assignSocket(connection as unknown as Socket);
  const message = 'HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\n{}';
  sendWholeMessage(res, 302, message);
  return String(connection.read()) === message;
}
