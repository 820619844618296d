import type { IncomingMessage } from 'node:http';
import { HttpProblem } from './http-problem.ts';

/** No call takes a body. A body up to this size is read and discarded; for a larger one the connection is closed. */
const LARGEST_BODY_BYTES = 64 * 1024;

/**
 * The problem with a request that shows in its head alone, whatever it asks for; `null` where there is none.
 * RFC 9112, section 3.2: an HTTP/1.1 request without `Host` is answered with 400.
 */
export function requestRefusal({ headers, httpVersion }: IncomingMessage): HttpProblem | null {
  if (headers.host === undefined && httpVersion === '1.1')
    return new HttpProblem(400, 'host_missing', 'The request has no Host header.');
  const length = headers['content-length'];
  if (length !== undefined && Number(length) > LARGEST_BODY_BYTES)
    return new HttpProblem(413, 'body_too_large', 'No request here has a body.', {
      headers: { Connection: 'close' },
    });
  return null;
}
