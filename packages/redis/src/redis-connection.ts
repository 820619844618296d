import { Cluster, Redis } from 'ioredis';
import type { ClusterOptions, RedisOptions } from 'ioredis';
import { backoff } from '@cloud-mirror/waiting';
import { parseRedisAddress, type RedisAddress } from './redis-address.ts';

/**
 * Where Redis is. Addresses have the form that {@link parseRedisAddress} reads.
 *
 * - `url`: one server, or a host name that follows the primary.
 * - `sentinels`: the primary that the Sentinels in `nodes` know as `name`. Credentials and TLS in the addresses of `nodes`
 *   are for the Sentinels. Credentials, database and TLS for the servers come from `url`, whose host is ignored.
 * - `cluster`: some nodes of a Redis Cluster.
 *
 * If one of several nodes' addresses has credentials or a scheme, they apply to all of the nodes.
 */
export type RedisConnection = (
  | { readonly url: string }
  | {
      readonly sentinels: { readonly name: string; readonly nodes: readonly string[] };
      readonly url?: string | undefined;
    }
  | { readonly cluster: readonly string[] }
) & {
  /** Credentials, database and authorities, which take precedence over the addresses. */
  readonly access?: RedisAccess | undefined;
};

/** Access to all the servers. */
export interface RedisAccess {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly db?: number | undefined;
  /**
   * PEM of the authorities that signed the certificates of servers and Sentinels, in place of the system's authorities.
   * It turns TLS on, except for nodes whose address begins with `redis://`.
   */
  readonly ca?: string | undefined;
}

export interface RedisTimeLimits {
  readonly connectMs: number;
  /** A connection counts as dead if a reply is due and nothing arrives for this time. */
  readonly silenceMs: number;
}

export type RedisClient = Redis | Cluster;

/**
 * Lua scripts, by the name of the command that ioredis defines for each. Without `numberOfKeys`, the first argument of the
 * command is the number of its keys.
 */
export type RedisScripts = Readonly<Record<string, { readonly numberOfKeys?: number; readonly lua: string }>>;

/** Without `replyMapping`, replies keep the shapes of RESP2, which the types of the scripts describe. */
type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

const RETRY_MS = { first: 50, longest: 2_000 };
/** The shortest time between reconnects because of READONLY, so that not every write refused by a replica causes one. */
const READONLY_RECONNECT_MS = 1_000;

/** @param attempt counts from 1 */
export function reconnectDelayMs(attempt: number): number {
  return Math.round(backoff(attempt - 1, RETRY_MS));
}

/** Opens the connection for commands. Commands fail at once while it is down, and it reconnects without end. */
export function openCommands(
  connection: RedisConnection,
  limits: RedisTimeLimits,
  scripts: RedisScripts,
): RedisClient {
  let readonlySince = -Infinity;
  const common: ClientOptions = {
    ...commonOptions(limits),
    // Zero: commands on a lost connection reject at once, and no command is ever sent twice.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableAutoPipelining: true,
    reconnectOnError: (error) => {
      if (!error.message.startsWith('READONLY')) return false;
      const now = performance.now();
      if (now - readonlySince < READONLY_RECONNECT_MS) return false;
      readonlySince = now;
      return true;
    },
  };
  if ('cluster' in connection) {
    const { host: _host, port: _port, ...servers } = serversAt(connection.cluster, connection.access);
    const options = {
      redisOptions: { ...common, ...servers },
      enableOfflineQueue: false,
      enableAutoPipelining: true,
      scripts,
      maxRedirections: 4,
      slotsRefreshTimeout: limits.connectMs,
      slotsRefreshInterval: 5_000,
      clusterRetryStrategy: reconnectDelayMs,
    } satisfies ClusterOptions;
    return new Cluster(connection.cluster.map(hostAndPort), options);
  }
  return new Redis({
    ...serverOptions(connection, limits),
    ...common,
    scripts,
    enableOfflineQueue: false,
    retryStrategy: reconnectDelayMs,
  });
}

/**
 * A client for a subscription, not yet connected. It is replaced, not reconnected, when its connection is lost. In a
 * cluster every node receives the messages published on any other, so each `attempt` uses another configured node.
 */
export function subscriberClient(
  connection: RedisConnection,
  attempt: number,
  limits: RedisTimeLimits,
): Redis {
  const own: ClientOptions = {
    ...commonOptions(limits),
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
  };
  if ('cluster' in connection) {
    const { cluster } = connection;
    const { host, port } = address(cluster[attempt % cluster.length] ?? '');
    return new Redis({ ...serversAt(cluster, connection.access), host, port, ...own });
  }
  return new Redis({ ...serverOptions(connection, limits), ...own, sentinelRetryStrategy: () => null });
}

function commonOptions(limits: RedisTimeLimits): ClientOptions {
  return {
    connectTimeout: limits.connectMs,
    socketTimeout: limits.silenceMs,
    disconnectTimeout: limits.silenceMs,
    maxLoadingRetryTime: 1_000,
    keepAlive: 10_000,
    // CLIENT SETINFO would need one more permission, and without that it would fill the ACL log.
    disableClientInfo: true,
    noDelay: true,
  };
}

function serverOptions(
  connection: Exclude<RedisConnection, { cluster: unknown }>,
  limits: RedisTimeLimits,
): ClientOptions {
  const { access } = connection;
  if (!('sentinels' in connection)) return serversAt([connection.url], access);
  const { name, nodes } = connection.sentinels;
  const { host: _host, port: _port, ...servers } = serversAt([connection.url ?? 'unused'], access);
  const sentinels = serversAt(nodes, { ca: access?.ca });
  return {
    ...servers,
    name,
    sentinels: nodes.map((node) => hostAndPort(node, SENTINEL_PORT)),
    ...(sentinels.username !== undefined && { sentinelUsername: sentinels.username }),
    ...(sentinels.password !== undefined && { sentinelPassword: sentinels.password }),
    ...(sentinels.tls !== undefined && { sentinelTLS: sentinels.tls }),
    enableTLSForSentinelMode: servers.tls !== undefined,
    sentinelCommandTimeout: limits.silenceMs,
    sentinelRetryStrategy: reconnectDelayMs,
    // A primary that is cut off from its Sentinels does not know that it was replaced; the Sentinels do.
    failoverDetector: true,
  };
}

const SENTINEL_PORT = 26_379;

function hostAndPort(node: string, defaultPort?: number): { host: string; port: number } {
  const { host, port } = address(node, defaultPort);
  return { host, port };
}

interface ServerOptions {
  host: string;
  port: number;
  db?: number;
  username?: string;
  password?: string;
  tls?: { ca?: string };
}

/**
 * Options for the first server. Each credential, database and scheme is from `access`, or from the first address that has it.
 * @throws TypeError if an address is invalid
 */
function serversAt(texts: readonly string[], access: RedisAccess = {}): ServerOptions {
  const addresses = texts.map((text) => address(text));
  const stated = <Key extends keyof RedisAddress>(key: Key): RedisAddress[Key] | undefined =>
    addresses.find((one) => one[key] !== undefined)?.[key];
  const username = access.username ?? stated('username');
  const password = access.password ?? stated('password');
  const db = access.db ?? stated('db');
  const { ca } = access;
  const tls = stated('tls') ?? ca !== undefined;
  return {
    host: addresses[0]?.host ?? 'localhost',
    port: addresses[0]?.port ?? 0,
    ...(db !== undefined && { db }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    // No `servername`: SNI must not be sent for IP addresses (RFC 6066, section 3), and Node omits it for them.
    ...(tls && { tls: ca === undefined ? {} : { ca } }),
  };
}

/** @throws TypeError if the address is invalid; the check of the configuration reports the details earlier */
function address(text: string, defaultPort?: number): RedisAddress {
  const result = parseRedisAddress(text, defaultPort === undefined ? {} : { defaultPort });
  if (!result.ok) throw new TypeError(`a Redis address with ${result.fault.found}`);
  return result.address;
}
