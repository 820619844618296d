import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { AnswerHead } from './answer-head.ts';
import { UnreadableAnswerError } from './connection-failure.ts';

export interface LenientRequest {
  readonly url: URL;
  /** The request target, as in the request line (RFC 9112, 3.2). */
  readonly target: string;
  readonly method: 'GET' | 'HEAD';
  readonly headers: Readonly<Record<string, string>>;
  /** A fresh connection to the server of `url`; for https, after the TLS handshake. */
  readonly socket: Socket;
  readonly maxHeaderBytes: number;
  /** Aborts the request, and the body if it is still being read. */
  readonly signal: AbortSignal;
}

export interface LenientResponse {
  readonly status: number;
  /** Names in lower case; values as bytes, one character each. */
  readonly headers: Readonly<Record<string, string[]>>;
  readonly body: IncomingMessage;
}

/**
 * Sends one request with Node's HTTP client and its lenient parser. It accepts answers that undici refuses although RFC
 * 9110 and 9112 let a client accept them: an unrequested 100 (Continue) (RFC 9110, 15.2), lines that end with a bare LF
 * (RFC 9112, 2.2), folded header lines (5.2), Content-Length together with Transfer-Encoding, and Content-Length
 * repeated with equal values (6.3).
 *
 * Lenient parsing allows response smuggling if a connection carries more than one answer. So each request has its own
 * connection: nothing was sent on it before, and it is closed after the answer.
 *
 * @throws the error of the connection or the parser; {@link UnreadableAnswerError}
 */
export async function requestLeniently(options: LenientRequest): Promise<LenientResponse> {
  const { url, target, method, headers, socket, maxHeaderBytes, signal } = options;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const head = new AnswerHead(maxHeaderBytes);
  const connection = Duplex.from({ writable: socket, readable: socket.pipe(head) });
  // Until the answer ends, the request reports these errors. Without a listener, later ones would be uncaught.
  for (const stream of [socket, head, connection]) stream.on('error', ignore);
  const request = httpRequest({
    createConnection: () => connection,
    method,
    path: target,
    headers: { host: url.host, ...headers },
    insecureHTTPParser: true,
    maxHeaderSize: maxHeaderBytes,
    signal,
  });
  request.on('error', reject);
  request.once('response', resolve);
  request.once('upgrade', (_, upgraded: Socket) => {
    upgraded.destroy();
    reject(new UnreadableAnswerError('switches to another protocol, unasked'));
  });
  request.end();
  const response = await promise;
  response.once('close', () => socket.destroy());
  try {
    if (AMBIGUOUS_CODING.test(head.text))
      throw new UnreadableAnswerError('has a Transfer-Encoding that can be read in two ways');
    return { status: response.statusCode ?? 0, headers: headersOf(response), body: response };
  } catch (error) {
    response.destroy();
    throw error;
  }
}

function ignore(): void {
  // The request has reported it.
}

function headersOf({ rawHeaders }: IncomingMessage): Record<string, string[]> {
  const headers: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    // The parser ignores such a field, so reporting it would misrepresent how the body was framed.
    if (/[\t ]/.test(name)) throw new UnreadableAnswerError('has white space before the colon of a header');
    (headers[name] ??= []).push(fieldValue(rawHeaders[index + 1] ?? ''));
  }
  return headers;
}

/**
 * A tab or a fold in Transfer-Encoding stops the parser from decoding the chunks, but Node reports the value without
 * it. The chunk framing would become part of the object.
 */
const AMBIGUOUS_CODING = /^transfer-encoding[\t ]*:(?:[^\r\n]*\t|[^\n]*\n[\t ])/im;

/** Replaces each fold with a space (RFC 9112, 5.2) and refuses control characters (RFC 9110, 5.5). */
function fieldValue(raw: string): string {
  const value = raw.replace(/[\t ]*\r?\n[\t ]+/g, ' ').trim();

  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value))
    throw new UnreadableAnswerError('has a control character in a header');
  return value;
}
