import { request as httpRequest } from 'node:http';
import type { Agent as HttpAgent, IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Agent as HttpsAgent } from 'node:https';

/** As for requests of the SDK. */
const CONNECT_TIMEOUT_MS = 5_000;

export interface PlainRequest {
  /** Scheme and host of it. */
  readonly base: URL;
  /** With its query. Sent as it is: another form of it, as URLs are brought into, would not be what was signed. */
  readonly path: string;
  readonly method: 'HEAD' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  readonly signal: AbortSignal;
}

export interface PlainAnswer {
  readonly statusCode: number | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Whether a body came, which was thrown away. */
  readonly hasBody: boolean;
}

/**
 * An answer that came whole. Rejects where there is none, or `signal` is aborted before its end: one that stalls in its
 * middle would hold its connection for good, with nobody left to end it.
 */
export function plainRequest(
  [httpAgent, httpsAgent]: readonly [HttpAgent, HttpsAgent],
  { base, path, method, headers, body, signal }: PlainRequest,
): Promise<PlainAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<PlainAnswer>();
  const { protocol, hostname, port } = base;
  // URLs have IPv6 addresses in brackets, which no resolver takes.
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const options = { host, port, path, method, signal, ...(headers !== undefined && { headers }) };
  const request =
    protocol === 'https:'
      ? httpsRequest({ ...options, agent: httpsAgent })
      : httpRequest({ ...options, agent: httpAgent });
  request.once('response', (response) => {
    let hasBody = false;
    response.on('data', () => {
      hasBody = true;
    });
    response.on('error', reject);
    // The connection is free only once the answer was read.
    response.once('end', () =>
      resolve({ statusCode: response.statusCode, headers: response.headers, hasBody }),
    );
  });
  request.on('error', reject);
  request.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => socket.destroy(new Error('no connection')), CONNECT_TIMEOUT_MS);
    const end = (): void => clearTimeout(timer);
    socket.once('connect', end).once('close', end);
  });
  request.end(body);
  return promise;
}
