import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import {
  assertAllowedName,
  ConnectError,
  connectUnguarded,
  secureConnection,
  withConnectLimit,
  type GuardedConnectorOptions,
} from './guarded-connector.ts';
import { proxyAuthorization } from './proxy-choice.ts';

/** How messages for clients call the proxy: its address is internal. */
const PROXY = 'the proxy of the mirror';

/**
 * A connection to `proxy` over which `url` can be asked: for https a tunnel (CONNECT; RFC 9110, 9.3.6) with TLS to the
 * origin in it, for http the connection to the proxy itself, which takes requests in absolute form.
 *
 * The proxy resolves the name, so the guard sees no address of the origin. It refuses what the URL itself shows:
 * addresses that are not allowed, and names of metadata services.
 *
 * @throws {AddressRefusedError}; {@link ConnectError}, which names the proxy where that is what failed; the reason of
 *   `options.signal` once it is aborted
 */
export function openProxiedConnection(
  url: URL,
  proxy: URL,
  options: GuardedConnectorOptions,
): Promise<Socket> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return withConnectLimit(options, `${PROXY} gave no connection`, async ({ deadline, signal }) => {
    assertAllowedName(host, options.privateAddresses);
    const connection = await connectToProxy(proxy, options, deadline, signal);
    if (url.protocol !== 'https:') return connection;
    const tunnel = await openTunnel(connection, `${url.hostname}:${url.port || '443'}`, proxy, signal);
    return secureConnection(tunnel, host, options, signal);
  });
}

/** A failure that the proxy itself answers a request in absolute form with; `null` where the answer is the origin's. */
export function proxyFailure(status: number, header: (name: string) => string | null): ConnectError | null {
  if (status === 407) return refusedTunnel(status);
  // RFC 9209, and what Squid sends in its stead.
  const ownError = /;\s*error\b/i.test(header('proxy-status') ?? '') || header('x-squid-error') !== null;
  return status >= 400 && ownError ? refusedTunnel(status) : null;
}

async function connectToProxy(
  proxy: URL,
  options: GuardedConnectorOptions,
  deadline: number,
  signal: AbortSignal,
): Promise<Socket> {
  const host = proxy.hostname.replace(/^\[|\]$/g, '');
  const port = Number(proxy.port || (proxy.protocol === 'https:' ? 443 : 80));
  try {
    const socket = await connectUnguarded(host, port, deadline, signal);
    return proxy.protocol === 'https:' ? await secureConnection(socket, host, options, signal) : socket;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw new ConnectError(`${PROXY} cannot be reached`, { cause: error });
  }
}

async function openTunnel(
  connection: Socket,
  authority: string,
  proxy: URL,
  signal: AbortSignal,
): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const authorization = proxyAuthorization(proxy);
  const request = httpRequest({
    createConnection: () => connection,
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...(authorization === null ? {} : { 'proxy-authorization': authorization }) },
    signal,
  });
  request.once('connect', ({ statusCode = 0 }, socket: Socket, head: Buffer) => {
    if (statusCode >= 200 && statusCode < 300) {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
      return;
    }
    socket.destroy();
    reject(refusedTunnel(statusCode));
  });
  request.on('error', (error) => {
    connection.destroy();
    reject(
      signal.aborted
        ? (signal.reason as Error)
        : new ConnectError(`${PROXY} broke the connection`, { cause: error }),
    );
  });
  request.end();
  return promise;
}

function refusedTunnel(status: number): ConnectError {
  if (status === 407) return new ConnectError(`${PROXY} asks for credentials, or for others (407)`);
  if (status === 401 || status === 403) return new ConnectError(`${PROXY} refuses this host (${status})`);
  if (status >= 500) return new ConnectError(`${PROXY} cannot reach the host (${status})`);
  return new ConnectError(`${PROXY} opened no connection to the host (${status})`);
}
