import { EnvHttpProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import { CommandError } from './command-interface.ts';
import { printable } from './terminal-output.ts';

const CONNECT_LIMIT_MS = 10_000;

/**
 * Opens the connection pool of one command, which honours HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
 * @param idleMs the time limit for the response headers, and for each pause in the body
 */
export function openHttpAgent(idleMs: number): Dispatcher {
  return new EnvHttpProxyAgent({
    connect: { timeout: CONNECT_LIMIT_MS },
    headersTimeout: idleMs,
    bodyTimeout: idleMs,
  });
}

/** Converts a network error to an error that names host and cause, without the query of the URL. */
export function networkFailure(error: unknown, url: URL): CommandError {
  const { code, message } = innermost(error);
  const cause = CAUSES[code] ?? (message || code || 'the connection failed');
  return new CommandError(`${url.host}: ${cause}; check the address and the network, then try again`, {
    cause: error,
  });
}

const CAUSES: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host does not exist',
  EAI_AGAIN: 'the host name cannot be resolved now',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was closed by the server',
  UND_ERR_SOCKET: 'the connection was closed by the server',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within the time limit',
  UND_ERR_HEADERS_TIMEOUT: 'no answer within the time limit',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped arriving',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer ended before its stated length',
};

/** If several IP addresses of a host were tried, reports the first failure. */
function innermost(error: unknown): { code: string; message: string } {
  const one: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (!(one instanceof Error)) return { code: '', message: String(one) };
  return { code: 'code' in one && typeof one.code === 'string' ? one.code : '', message: one.message };
}

/** Response headers, with names in lower case. */
export type HttpHeaders = Dispatcher.ResponseData['headers'];

/** The first value of a header; null if it is missing. */
export function headerText(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null;
}

/** The longest response that is read; more than any response of a front end. */
export const LONGEST_BYTES = 4 * 1024 * 1024;

/** Reads a response as text and cuts it after {@link LONGEST_BYTES}. */
export async function answerText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= LONGEST_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Parses a JSON object; null if `text` is not JSON or not an object. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}

/**
 * Describes an error response in one line, from its problem details (RFC 9457) if it has them: status, code, detail and
 * the request id, by which operators find the request in their logs.
 */
export function describeProblem(status: number, headers: HttpHeaders, text: string): string {
  const problem = jsonObject(text) ?? {};
  const field = (name: string): string | null => {
    const value = problem[name];
    return typeof value === 'string' && value !== '' ? printable(value) : null;
  };
  const requestId = field('requestId') ?? headerText(headers['x-request-id']);
  const what = [`${status}`, field('code')].filter((part) => part !== null).join(' ');
  const detail = field('detail') ?? field('title') ?? 'no detail given';
  return `${what}: ${detail}${requestId === null ? '' : ` (request id ${requestId})`}`;
}
