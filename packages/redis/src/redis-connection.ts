import { Cluster, Redis } from 'ioredis';
import type { ClusterOptions, RedisOptions } from 'ioredis';
import { parseRedisAddress, type RedisAddress } from './redis-address.ts';

/**
 * Where Redis is. Addresses are those of {@link parseRedisAddress}.
 *
 * - `url`: one server, or a name that follows the primary.
 * - `sentinels`: the primary called `name`, as the Sentinels in `nodes` know it. Credentials and TLS in a node's address are
 *   those of the Sentinels; credentials, database and TLS of the servers are those of `url`, whose host means nothing.
 * - `cluster`: some nodes of a Redis Cluster.
 *
 * What any of several nodes says of credentials and TLS is so for all of them.
 */
export type RedisConnection = (
  | { readonly url: string }
  | {
      readonly sentinels: { readonly name: string; readonly nodes: readonly string[] };
      readonly url?: string | undefined;
    }
  | { readonly cluster: readonly string[] }
) & {
  /** What the addresses do not say. */
  readonly access?: RedisAccess | undefined;
};

/** How servers, all of them, are talked to. */
export interface RedisAccess {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly db?: number | undefined;
  /**
   * PEM of the authorities that signed the certificates of servers and Sentinels, instead of those of the system. Connections are TLS
   * then, but to nodes whose address says `redis://`.
   */
  readonly ca?: string | undefined;
}

export interface RedisTimeLimits {
  readonly connectMs: number;
  /** A connection on which an answer is due and nothing comes for so long is dead. */
  readonly silenceMs: number;
}

export type RedisClient = Redis | Cluster;

/** Lua scripts by the name of the command that ioredis makes of each. */
export type RedisScripts = Readonly<Record<string, { readonly numberOfKeys: number; readonly lua: string }>>;

/** Replies keep the shapes of RESP2, which is what the scripts' types say. */
type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

const LONGEST_RETRY_MS = 2_000;
/** A replica that never becomes a primary must not have its connection replaced with each write it refuses. */
const READONLY_RECONNECT_MS = 1_000;

/** 50 ms doubling up to 2 s, spread by half, so that processes do not come back in step. */
export function reconnectDelayMs(attempt: number): number {
  const longest = Math.min(50 * 2 ** Math.min(attempt - 1, 10), LONGEST_RETRY_MS);
  return Math.round(longest * (0.5 + Math.random() / 2));
}

/** Connection for commands: fails at once while there is none, and comes back by itself for ever. */
export function openCommands(
  connection: RedisConnection,
  limits: RedisTimeLimits,
  scripts: RedisScripts,
): RedisClient {
  let readonlySince = -Infinity;
  const common: ClientOptions = {
    ...commonOptions(limits),
    // Zero: what was sent on a connection that is lost rejects at once, and nothing is ever sent twice.
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
 * Connection for a subscription, not opened yet; it is used once and replaced when lost. In a cluster every node hears
 * what is published on any other, so one of the configured nodes is taken, another with each `attempt`.
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
    // Its CLIENT SETINFO would need one more permission, and fill the ACL log without it.
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
    // A primary cut off from its Sentinels never says that it was replaced: they do.
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

/** The first of the servers, with what any of them says, and with `access`. @throws TypeError where one is no address */
function serversAt(texts: readonly string[], access: RedisAccess = {}): ServerOptions {
  const addresses = texts.map((text) => address(text));
  const said = <Key extends keyof RedisAddress>(key: Key): RedisAddress[Key] | undefined =>
    addresses.find((one) => one[key] !== undefined)?.[key];
  const username = access.username ?? said('username');
  const password = access.password ?? said('password');
  const db = access.db ?? said('db');
  const { ca } = access;
  const tls = said('tls') ?? ca !== undefined;
  return {
    host: addresses[0]?.host ?? 'localhost',
    port: addresses[0]?.port ?? 0,
    ...(db !== undefined && { db }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    // SNI must not be sent for IP addresses (RFC 6066, section 3); Node leaves it out by itself then.
    ...(tls && { tls: ca === undefined ? {} : { ca } }),
  };
}

/** @throws TypeError where it is none; the check of the configuration says more of it */
function address(text: string, defaultPort?: number): RedisAddress {
  const result = parseRedisAddress(text, defaultPort === undefined ? {} : { defaultPort });
  if (!result.ok) throw new TypeError(`a Redis address with ${result.fault.found}`);
  return result.address;
}
