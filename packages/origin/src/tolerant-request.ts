import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { UnreadableAnswerError } from './connection-failure.ts';

export interface TolerantRequest {
  readonly url: URL;
  /** As the request line has it. */
  readonly target: string;
  readonly method: 'GET' | 'HEAD';
  readonly headers: Readonly<Record<string, string>>;
  /** A fresh connection to the server of `url`, already secured where the scheme asks for it. */
  readonly socket: Socket;
  readonly maxHeaderBytes: number;
  /** Breaks the request off, and the body as well. */
  readonly signal: AbortSignal;
}

export interface TolerantResponse {
  readonly status: number;
  /** Names in lower case; values as bytes, one character each. */
  readonly headers: Readonly<Record<string, string[]>>;
  readonly body: IncomingMessage;
}

/**
 * One request by Node's own HTTP client with its lenient parser, for answers that undici refuses although RFC 9110 and
 * 9112 let a client take them: an unasked 100 (Continue) (RFC 9110, 15.2), lines that end with a bare LF (RFC 9112,
 * 2.2), folded header lines (5.2), Content-Length beside Transfer-Encoding (6.3).
 *
 * Lenient parsing is a danger where two parties share a connection and read it in different ways. So the connection is
 * this request's alone: nothing was sent on it before, and it is closed after the answer.
 *
 * @throws what the connection or the parser fails with; {@link UnreadableAnswerError}
 */
export async function requestTolerantly(options: TolerantRequest): Promise<TolerantResponse> {
  const { url, target, method, headers, socket, maxHeaderBytes, signal } = options;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = httpRequest({
    createConnection: () => socket,
    method,
    path: target,
    headers: { host: url.host, ...headers },
    insecureHTTPParser: true,
    maxHeaderSize: maxHeaderBytes,
    signal,
  });
  let head = '';
  const noteHead = (chunk: Buffer): void => {
    if (head.length < maxHeaderBytes) head += chunk.toString('latin1');
  };
  // Emitted when the parser listens; the head is needed before the parser has made a response of it.
  request.once('socket', () => socket.prependListener('data', noteHead));
  request.on('error', reject);
  request.once('response', resolve);
  request.once('upgrade', (_, upgraded: Socket) => {
    upgraded.destroy();
    reject(new UnreadableAnswerError('switches to another protocol, unasked'));
  });
  request.end();
  const response = await promise;
  try {
    socket.off('data', noteHead);
    if (DOUBTFUL_CODING.test(head))
      throw new UnreadableAnswerError('has a Transfer-Encoding that can be read in two ways');
    return { status: response.statusCode ?? 0, headers: headersOf(response), body: response };
  } catch (error) {
    response.destroy();
    throw error;
  }
}

function headersOf({ rawHeaders }: IncomingMessage): Record<string, string[]> {
  const headers: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    // The parser does not go by such a field, so it must not look as if it had.
    if (/[\t ]/.test(name)) throw new UnreadableAnswerError('has white space before the colon of a header');
    (headers[name] ??= []).push(fieldValue(rawHeaders[index + 1] ?? ''));
  }
  return headers;
}

/**
 * A tab or a fold in Transfer-Encoding keeps the parser from undoing the chunks, and Node shows the value without them:
 * the chunks' framing would become part of the object.
 */
const DOUBTFUL_CODING = /^transfer-encoding[\t ]*:(?:[^\r\n]*\t|[^\n]*\n[\t ])/im;

/** A folded line is one with a space in place of the fold (RFC 9112, 5.2). No control character passes (RFC 9110, 5.5). */
function fieldValue(raw: string): string {
  const value = raw.replace(/[\t ]*\r?\n[\t ]+/g, ' ').trim();

  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value))
    throw new UnreadableAnswerError('has a control character in a header');
  return value;
}
