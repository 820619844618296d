import type { IncomingMessage } from 'node:http';
import { HttpProblem } from './http-problem.ts';

/** Few calls take a body. A body up to this size is read and discarded; for a larger one the connection is closed. */
const LARGEST_BODY_BYTES = 64 * 1024;

/**
 * The problem with the head of a request, whatever its path; null if there is none.
 * RFC 9112, section 3.2: an HTTP/1.1 request without `Host` is answered with 400.
 * @param largestBodyBytes Infinity for uploads, whose route has its own limit
 */
export function requestRefusal(
  { headers, httpVersion }: IncomingMessage,
  largestBodyBytes = LARGEST_BODY_BYTES,
): HttpProblem | null {
  if (headers.host === undefined && httpVersion === '1.1')
    return new HttpProblem(400, 'host_missing', 'The request has no Host header.');
  const length = headers['content-length'];
  if (length !== undefined && Number(length) > largestBodyBytes)
    return new HttpProblem(413, 'body_too_large', 'This server accepts no request body.', {
      headers: { Connection: 'close' },
    });
  return null;
}
