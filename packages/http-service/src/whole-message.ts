import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';

/** node:http's own: the text of the head once it was put together, sent when the answer ends. */
type WithHead = ServerResponse & { _header: string | null };

/**
 * Sends a whole HTTP message, status line, headers and body, in its turn among the answers of its connection, and ends
 * `res` as after any other answer. `writeHead` looks at each header again, and node:http documents no way around it:
 * a cache hit took a sixth longer.
 * Check {@link takesWholeMessages} once before using it.
 * @param status for the access log; the status line in `ascii` is what the client gets
 */
export function sendWholeMessage(res: ServerResponse, status: number, ascii: string): void {
  res.statusCode = status;
  (res as WithHead)._header = ascii;
  res.end();
}

/** Whether this version of Node sends what {@link sendWholeMessage} hands to it. */
export function takesWholeMessages(): boolean {
  const res = new ServerResponse(new IncomingMessage(new Socket()));
  const connection = new PassThrough();
  res.assignSocket(connection as unknown as Socket);
  const message = 'HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\n{}';
  sendWholeMessage(res, 302, message);
  return String(connection.read()) === message;
}
