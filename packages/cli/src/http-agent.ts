import { EnvHttpProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import { CommandError } from './command-error.ts';

const CONNECT_LIMIT_MS = 10_000;

/**
 * Connections of one command, by way of HTTP_PROXY, HTTPS_PROXY and NO_PROXY where those are set. An answer may stay
 * silent for `idleMs`, before its head and in its body.
 */
export function openHttpAgent(idleMs: number): Dispatcher {
  return new EnvHttpProxyAgent({
    connect: { timeout: CONNECT_LIMIT_MS },
    headersTimeout: idleMs,
    bodyTimeout: idleMs,
  });
}

/** Says of a failed exchange with `url` what went wrong and where, without the URL's query. */
export function networkFailure(error: unknown, url: URL): CommandError {
  const { code, message } = innermost(error);
  const cause = CAUSES[code] ?? (message || code || 'the connection failed');
  return new CommandError(`${url.host}: ${cause}; check the address and the network, then try again`, {
    cause: error,
  });
}

const CAUSES: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the host name cannot be resolved now',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within the time limit',
  UND_ERR_HEADERS_TIMEOUT: 'no answer within the time limit',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped arriving',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer ended before its stated length',
};

/** Several addresses of a host were tried: the first one's failure stands for all. */
function innermost(error: unknown): { code: string; message: string } {
  const one: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (!(one instanceof Error)) return { code: '', message: String(one) };
  return { code: 'code' in one && typeof one.code === 'string' ? one.code : '', message: one.message };
}
