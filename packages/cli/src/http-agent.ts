import { EnvHttpProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import { CommandError } from './command-error.ts';

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
