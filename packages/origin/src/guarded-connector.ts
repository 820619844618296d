import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls';
import type { buildConnector } from 'undici';
import { NameLookup, type HostAddress } from '@cloud-mirror/name-lookup';
import { orAborted, TimeLimit } from '@cloud-mirror/waiting';
import { isAddressAllowed, isMetadataHost, isSameAddress } from './address-guard.ts';

export interface ResolvedAddress extends Pick<HostAddress, 'address'> {
  readonly family: number;
}

/** Resolves a host name to all its addresses, in the order in which to try them. Rejects if it does not resolve. */
export type Resolver = (host: string) => Promise<readonly ResolvedAddress[]>;

export interface GuardedConnectorOptions {
  /** Whether an operator's own networks may be reached; see `isAddressAllowed`. */
  readonly privateAddresses: boolean;
  /** Time limit for DNS, TCP connection and TLS handshake together. */
  readonly connectMs: number;
  /**
   * Called once per connection; its addresses are both checked and connected to. Default: a `NameLookup` for this
   * connection only, which remembers nothing.
   */
  readonly resolver?: Resolver | undefined;
  /** Certificate authorities (PEM) to trust in place of the bundled ones. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Used instead of `ca`: a context that is already parsed, because parsing many authorities takes milliseconds. */
  readonly secureContext?: SecureContext | undefined;
  /** Aborted when the owner closes; cancels connection attempts. */
  readonly signal?: AbortSignal | undefined;
}

/** The address guard refused the connection. The message is for clients: it names no address. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError';
}

/** A failure before a request could be sent. The message is for clients; only `cause` names addresses. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
}

/** Bounds the work that a name with many dead addresses can cause. */
const MAX_ADDRESSES_TRIED = 4;

async function resolveOnce(host: string): Promise<readonly ResolvedAddress[]> {
  using names = new NameLookup();
  return await names.addressesOf(host);
}

/**
 * A connector for undici that connects only to addresses that the address guard allows.
 *
 * It resolves the name once and connects to the checked addresses, so DNS rebinding (an answer that changes between
 * check and use) has no effect. If one address of a host is refused, the whole host is, so that the result does not
 * depend on which address is tried. IP addresses in the URL are checked the same way.
 */
export function guardedConnector(options: GuardedConnectorOptions): buildConnector.connector {
  return connectorOf((url) => openGuardedConnection(url, options));
}

/** Adapts `connect`, which opens a connection to the server of a URL, to undici's connector interface. */
export function connectorOf(connect: (url: URL) => Promise<Socket | TLSSocket>): buildConnector.connector {
  return ({ protocol, hostname, port }, callback) => {
    const host = isIP(hostname) === 6 ? `[${hostname}]` : hostname;
    connect(new URL(`${protocol}//${host}${port === '' ? '' : `:${port}`}`)).then(
      (socket) => {
        callback(null, socket);
      },
      (error: unknown) => {
        callback(error instanceof Error ? error : new ConnectError(String(error)), null);
      },
    );
  };
}

/** Host, port and scheme of a connection, as undici passes them. */
type Target = Pick<buildConnector.Options, 'hostname' | 'port' | 'protocol'>;

/**
 * Opens a connection to the server of an http or https URL under the same guard, with TLS for https.
 * @throws {AddressRefusedError}, {@link ConnectError}; the reason of `options.signal` once it is aborted
 */
export function openGuardedConnection(
  url: URL,
  options: GuardedConnectorOptions,
): Promise<Socket | TLSSocket> {
  const { port, protocol } = url;
  return openConnection({ hostname: url.hostname.replace(/^\[|\]$/g, ''), port, protocol }, options);
}

function openConnection(target: Target, options: GuardedConnectorOptions): Promise<Socket | TLSSocket> {
  return withConnectLimit(options, 'no connection', async ({ deadline, signal }) => {
    const addresses = await checkedAddresses(target.hostname, options, signal);
    const socket = await connectToFirst(addresses, portOf(target), deadline, signal);
    assertAllowedPeer(socket, addresses, options.privateAddresses);
    if (target.protocol !== 'https:') return socket;
    return secureConnection(socket, target.hostname, options, signal);
  });
}

/** Runs `connect` with the time limit of `options`. On timeout the {@link ConnectError} says `<what> within <n> s`. */
export async function withConnectLimit<Connection>(
  options: Pick<GuardedConnectorOptions, 'connectMs' | 'signal'>,
  what: string,
  connect: (limit: { readonly deadline: number; readonly signal: AbortSignal }) => Promise<Connection>,
): Promise<Connection> {
  const deadline = performance.now() + options.connectMs;
  const late = (): Error => new ConnectError(`${what} within ${options.connectMs / 1000} s`);
  using limit = new TimeLimit(options.connectMs, late);
  limit.endOn(options.signal);
  return await connect({ deadline, signal: limit.signal });
}

/**
 * Checks the peer's real address again, as a second line of defence. The peer must also be one of the checked
 * addresses: operating systems connect to themselves when given `0.0.0.0`.
 */
function assertAllowedPeer(
  socket: Socket,
  checked: readonly ResolvedAddress[],
  privateAddresses: boolean,
): void {
  const peer = socket.remoteAddress;
  const isChecked = (): boolean => checked.some(({ address }) => isSameAddress(address, peer ?? ''));
  if (peer !== undefined && isAddressAllowed(peer, privateAddresses) && isChecked()) return;
  socket.destroy();
  if (peer === undefined) throw new ConnectError('the host closed the connection at once');
  throw new AddressRefusedError('the connection led to another address than the one that was checked');
}

async function checkedAddresses(
  host: string,
  options: GuardedConnectorOptions,
  signal: AbortSignal,
): Promise<readonly ResolvedAddress[]> {
  assertAllowedName(host, options.privateAddresses);
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  const addresses = await resolve(host, options.resolver ?? resolveOnce, signal);
  if (addresses.length === 0) throw new ConnectError('the name of the host has no address');
  if (addresses.every(({ address }) => isAddressAllowed(address, options.privateAddresses))) return addresses;
  throw new AddressRefusedError('the host resolves to an address that is not public');
}

/**
 * Checks a URL's host before DNS resolution.
 * @throws {AddressRefusedError} for an IP address that is not allowed, and for the name of a metadata service
 */
export function assertAllowedName(host: string, privateAddresses: boolean): void {
  if (isIP(host) === 0 && isMetadataHost(host))
    throw new AddressRefusedError("the host is a name of a cloud's metadata service");
  if (isIP(host) !== 0 && !isAddressAllowed(host, privateAddresses))
    throw new AddressRefusedError('the host is not a public address');
}

/** Connects without the address guard: for hosts that the operator configures, such as a proxy. */
export async function connectUnguarded(
  { host, port }: { readonly host: string; readonly port: number },
  resolver: Resolver | undefined,
  { deadline, signal }: { readonly deadline: number; readonly signal: AbortSignal },
): Promise<Socket> {
  const family = isIP(host);
  const addresses =
    family === 0 ? await resolve(host, resolver ?? resolveOnce, signal) : [{ address: host, family }];
  return connectToFirst(addresses, port, deadline, signal);
}

async function resolve(
  host: string,
  resolver: Resolver,
  signal: AbortSignal,
): Promise<readonly ResolvedAddress[]> {
  try {
    return await orAborted(resolver(host), signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw new ConnectError('the name of the host could not be resolved', { cause: error });
  }
}

/** Tries the addresses in order; each gets an equal share of the remaining time. */
async function connectToFirst(
  addresses: readonly ResolvedAddress[],
  port: number,
  deadline: number,
  signal: AbortSignal,
): Promise<Socket> {
  const tried = addresses.slice(0, MAX_ADDRESSES_TRIED);
  const failures: unknown[] = [];
  for (const [index, { address }] of tried.entries()) {
    const shareMs = Math.max(1, (deadline - performance.now()) / (tried.length - index));
    try {
      return await connectOnce(address, port, shareMs, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      failures.push(error);
    }
  }
  const cause = failures.length === 1 ? failures[0] : new AggregateError(failures, 'every address failed');
  throw new ConnectError('the host accepted no connection', { cause });
}

function connectOnce(address: string, port: number, limitMs: number, signal: AbortSignal): Promise<Socket> {
  const { promise, resolve: fulfil, reject } = Promise.withResolvers<Socket>();
  const socket = connectTcp({
    host: address,
    port,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    noDelay: true,
  });
  const timer = setTimeout(
    () => socket.destroy(new Error(`no answer within ${Math.round(limitMs)} ms`)),
    limitMs,
  );
  const abort = () => socket.destroy(signal.reason as Error);
  const settle = (): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  };
  socket.once('connect', () => {
    settle();
    fulfil(socket);
  });
  // Never removed: an error before the socket's next owner adds its listener would be uncaught.
  socket.on('error', (error) => {
    settle();
    reject(error);
  });
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return promise;
}

/** Starts TLS on `socket`; the certificate must be for `host`. An IP address is not sent as SNI (RFC 6066, 3). */
export function secureConnection(
  socket: Socket,
  host: string,
  options: GuardedConnectorOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { promise, resolve: fulfil, reject } = Promise.withResolvers<TLSSocket>();
  const secured = connectTls({
    socket,
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: true,
    ...(options.ca === undefined ? {} : { ca: options.ca as string | Buffer | (string | Buffer)[] }),
    ...(options.secureContext === undefined ? {} : { secureContext: options.secureContext }),
  });
  const abort = () => secured.destroy(signal.reason as Error);
  const fail = (error: Error): void => {
    signal.removeEventListener('abort', abort);
    socket.destroy();
    reject(error === signal.reason ? error : new ConnectError('TLS with the host failed', { cause: error }));
  };
  secured.on('error', fail);
  secured.once('secureConnect', () => {
    signal.removeEventListener('abort', abort);
    fulfil(secured);
  });
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return promise;
}

function portOf(target: Target): number {
  if (target.port !== '') return Number(target.port);
  return target.protocol === 'https:' ? 443 : 80;
}
