import { request as httpRequest } from 'node:http';
import type { Agent as HttpAgent, IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Agent as HttpsAgent } from 'node:https';

/** Longest body of an answer: SQS gives ten messages of 1 MiB together. */
const MOST_BODY_BYTES = 16 * 1024 * 1024;

export interface PlainRequest {
  /** Scheme and host of it. */
  readonly base: URL;
  /** With its query. Sent as it is: another form of it, as URLs are brought into, would not be what was signed. */
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
 * The whole of an answer. Rejects where there is none, or `signal` is aborted before its end: an answer that stalls in the
 * middle would hold its connection for good.
 */
export function plainRequest(
  [httpAgent, httpsAgent]: readonly [HttpAgent, HttpsAgent],
  connectTimeoutMs: number,
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
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MOST_BODY_BYTES) response.destroy(new Error('the answer is too long'));
    });
    response.on('error', reject);
    // The connection is free only once the answer was read.
    response.once('end', () => {
      const { statusCode, headers: received, complete } = response;
      if (!complete) return reject(new Error('the answer was cut'));
      resolve({ statusCode, headers: received, body: Buffer.concat(chunks).toString() });
    });
  });
  request.on('error', reject);
  request.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => socket.destroy(new Error('no connection')), connectTimeoutMs);
    const end = (): void => clearTimeout(timer);
    socket.once('connect', end).once('close', end);
  });
  request.end(body);
  return promise;
}
