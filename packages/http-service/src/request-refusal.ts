import type { IncomingMessage } from 'node:http';
import { HttpProblem } from './http-problem.ts';

/** No call takes a body. A body up to this size is read and discarded; for a larger one the connection is closed. */
const LARGEST_BODY_BYTES = 64 * 1024;

/**
 * The problem with the head of a request, whatever its path; null if there is none.
 * RFC 9112, section 3.2: an HTTP/1.1 request without `Host` is answered with 400.
 */
export function requestRefusal({ headers, httpVersion }: IncomingMessage): HttpProblem | null {
  if (headers.host === undefined && httpVersion === '1.1')
    return new HttpProblem(400, 'host_missing', 'The request has no Host header.');
  const length = headers['content-length'];
  if (length !== undefined && Number(length) > LARGEST_BODY_BYTES)
    return new HttpProblem(413, 'body_too_large', 'This server accepts no request body.', {
      headers: { Connection: 'close' },
    });
  return null;
}
