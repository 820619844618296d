import { request as httpRequest } from 'node:http';
import type { Agent as HttpAgent, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Agent as HttpsAgent } from 'node:https';

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

/**
 * The head of the answer, once all of it came; its body is thrown away. Rejects where there is none, or `signal` is aborted.
 */
export function plainRequest(
  [httpAgent, httpsAgent]: readonly [HttpAgent, HttpsAgent],
  { base, path, method, headers, body, signal }: PlainRequest,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { protocol, hostname, port } = base;
  const options = { host: hostname, port, path, method, signal, ...(headers !== undefined && { headers }) };
  const request =
    protocol === 'https:'
      ? httpsRequest({ ...options, agent: httpsAgent })
      : httpRequest({ ...options, agent: httpAgent });
  request.once('response', (response) => {
    // The connection is free only once the answer was read; one that stalls ends with the signal.
    response.once('end', () => resolve(response)).on('error', reject);
    response.resume();
  });
  request.on('error', reject);
  request.end(body);
  return promise;
}
