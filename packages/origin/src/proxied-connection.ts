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

/** Name of the proxy in messages for clients, because its address is internal. */
const PROXY = 'the proxy of the mirror';

/**
 * Opens a connection through `proxy` for requests to `url`. For https this is a tunnel (CONNECT; RFC 9110, 9.3.6) with
 * TLS to the origin inside. For http it is a connection to the proxy, which takes requests in absolute form.
 *
 * The proxy resolves the name, so the address guard cannot check the origin's address. It checks the URL only: it
 * refuses IP addresses that are not allowed, and names of metadata services.
 *
 * @throws {AddressRefusedError}; {@link ConnectError}, which names the proxy if the proxy failed; the reason of
 *   `options.signal` once it is aborted
 */
export function openProxiedConnection(
  url: URL,
  proxy: URL,
  options: GuardedConnectorOptions,
): Promise<Socket> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return withConnectLimit(options, `${PROXY} gave no connection`, async (limit) => {
    const { signal } = limit;
    assertAllowedName(host, options.privateAddresses);
    const connection = await connectToProxy(proxy, options, limit);
    if (url.protocol !== 'https:') return connection;
    const tunnel = await openTunnel(connection, `${url.hostname}:${url.port || '443'}`, proxy, signal);
    return secureConnection(tunnel, host, options, signal);
  });
}

/** The error if the proxy itself answered a request in absolute form; `null` if the answer is the origin's. */
export function proxyFailure(status: number, header: (name: string) => string | null): ConnectError | null {
  if (status === 407) return proxyError(status);
  // Proxy-Status (RFC 9209), or Squid's own header.
  const isProxyError = /;\s*error\b/i.test(header('proxy-status') ?? '') || header('x-squid-error') !== null;
  return status >= 400 && isProxyError ? proxyError(status) : null;
}

async function connectToProxy(
  proxy: URL,
  options: GuardedConnectorOptions,
  limit: { readonly deadline: number; readonly signal: AbortSignal },
): Promise<Socket> {
  const { signal } = limit;
  const host = proxy.hostname.replace(/^\[|\]$/g, '');
  const port = Number(proxy.port || (proxy.protocol === 'https:' ? 443 : 80));
  try {
    const socket = await connectUnguarded({ host, port }, options.resolver, limit);
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
    reject(proxyError(statusCode));
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

function proxyError(status: number): ConnectError {
  if (status === 407) return new ConnectError(`${PROXY} requires credentials, or different ones (407)`);
  if (status === 401 || status === 403) return new ConnectError(`${PROXY} refuses this host (${status})`);
  if (status >= 500) return new ConnectError(`${PROXY} cannot reach the host (${status})`);
  return new ConnectError(`${PROXY} opened no connection to the host (${status})`);
}
