import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from 'node:http';
import type { Logger } from '@cloud-mirror/program';
import { HttpProblem, problemBody, problemHeaders } from './http-problem.ts';
import { requestIdOf } from './request-id.ts';

interface ParserError extends Error {
  readonly code?: string;
  readonly bytesParsed?: number;
  readonly rawPacket?: Buffer;
}

/** How long a client may take to read the response before its connection is closed. */
const LINGER_MS = 5_000;

/** Answers input that Node's parser rejects. There is no request object, so the response is written to the socket. */
export function answerMalformedRequest(error: ParserError, socket: Duplex, logger: Logger): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  endWithProblem(socket, malformedRequestProblem(error), logger);
}

/** Refuses CONNECT, for which Node provides only the socket. */
export function answerConnect(_request: IncomingMessage, socket: Duplex, logger: Logger): void {
  socket.on('error', () => socket.destroy());
  const problem = new HttpProblem(405, 'method_not_allowed', 'This server is not a proxy.', {
    headers: { Allow: 'GET, HEAD' },
  });
  endWithProblem(socket, problem, logger);
}

export function malformedRequestProblem(error: ParserError): HttpProblem {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return overflowed(error);
    case 'HPE_INVALID_METHOD':
      return looksLikeRequest(error) ? methodUnknown() : notHttp();
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpProblem(408, 'request_timeout', 'The request did not arrive in time.');
    default:
      return notHttp();
  }
}

/** Any token may be a method (RFC 9110, section 9.1), but Node's parser knows only those in IANA's registry. */
function looksLikeRequest({ rawPacket }: ParserError): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21-\x7e]+ HTTP\/1\.[01]\r?\n/.test(
    rawPacket?.toString('latin1') ?? '',
  );
}

function methodUnknown(): HttpProblem {
  return new HttpProblem(
    405,
    'method_not_allowed',
    'This server does not support the method of the request.',
    {
      headers: { Allow: 'GET, HEAD' },
    },
  );
}

function notHttp(): HttpProblem {
  return new HttpProblem(400, 'malformed_request', 'This is not an HTTP request.');
}

/** If the last packet contains no line break, the request line itself was too long. */
function overflowed({ rawPacket, bytesParsed }: ParserError): HttpProblem {
  const read = rawPacket?.subarray(0, bytesParsed ?? rawPacket.length);
  return read?.includes('\n')
    ? new HttpProblem(431, 'headers_too_large', 'The headers of the request are too large.')
    : new HttpProblem(414, 'url_too_long', 'The address of the request is too long.');
}

function endWithProblem(socket: Duplex, problem: HttpProblem, logger: Logger): void {
  const requestId = requestIdOf(undefined);
  const body = problemBody(problem, requestId);
  const headers = {
    ...problemHeaders(problem),
    'X-Request-Id': requestId,
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\n${lines.join('')}\r\n${body}`,
  );
  lingerThenCut(socket);
  logger.info({ requestId, route: 'unknown', status: problem.status, outcome: problem.code }, 'request');
}

/**
 * Closes a socket after its last bytes have been written. Reads and discards what the client still sends: closing a
 * socket with unread bytes resets the connection, and the client could lose the response.
 */
export function lingerThenCut(socket: Duplex): void {
  socket.resume();
  const cut = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(cut));
}
