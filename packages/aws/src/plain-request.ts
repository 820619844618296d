import { request as httpRequest } from 'node:http';
import type { Agent as HttpAgent, IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Agent as HttpsAgent } from 'node:https';
import { isError, MOST_ANSWER_BYTES, MOST_ERROR_BYTES } from './bounded-answers.ts';

export interface PlainRequest {
  /** Gives the scheme, host and TCP port. */
  readonly base: URL;
  /** Includes the query. Sent unchanged: a path that the URL parser normalized would not match the signature. */
  readonly path: string;
  readonly method: 'HEAD' | 'PUT' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  readonly signal: AbortSignal;
}

export interface PlainAnswer {
  readonly statusCode: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/**
 * Sends a request and reads its whole answer. Rejects if there is no complete answer, or if `signal` is aborted before
 * its end: an answer that stalls would hold its connection forever. The body of an error that is longer than
 * {@link MOST_ERROR_BYTES} counts as empty, and its connection is closed.
 */
export function plainRequest(
  [httpAgent, httpsAgent]: readonly [HttpAgent, HttpsAgent],
  connectTimeoutMs: number,
  { base, path, method, headers, body, signal }: PlainRequest,
): Promise<PlainAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<PlainAnswer>();
  const { protocol, hostname, port } = base;
  // A URL has brackets around an IPv6 address, which node:http does not accept.
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const options = { host, port, path, method, signal, ...(headers !== undefined && { headers }) };
  const request =
    protocol === 'https:'
      ? httpsRequest({ ...options, agent: httpsAgent })
      : httpRequest({ ...options, agent: httpAgent });
  request.once('response', (response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const mostBytes = isError(response.statusCode) ? MOST_ERROR_BYTES : MOST_ANSWER_BYTES;
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= mostBytes) return;
      if (mostBytes === MOST_ERROR_BYTES)
        resolve({ statusCode: response.statusCode, headers: response.headers, body: '' });
      response.destroy(new Error(`the answer is longer than ${mostBytes} bytes`));
    });
    response.on('error', reject);
    // Only a fully read answer frees its connection for the next request.
    response.once('end', () => {
      const { statusCode, headers: received, complete } = response;
      if (!complete) return reject(new Error('the connection closed before the end of the answer'));
      resolve({ statusCode, headers: received, body: Buffer.concat(chunks).toString() });
    });
  });
  request.on('error', reject);
  request.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(
      () => socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
    const end = (): void => clearTimeout(timer);
    socket.once('connect', end).once('close', end);
  });
  request.end(body);
  return promise;
}
