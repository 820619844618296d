import { Cluster, Redis } from 'ioredis';
import type { ClusterOptions, RedisOptions } from 'ioredis';
import { ENTRY_SCRIPTS } from './redis-scripts/index.ts';

/**
 * Where Redis is. Addresses are `host:port` or `redis://user:password@host:port/db`, `rediss://…` for TLS.
 *
 * - `url`: one server, or a name that follows the primary.
 * - `sentinels`: the primary called `name`, as the Sentinels in `nodes` know it. Credentials in a node's address are
 *   the Sentinels' own; the servers' credentials, database and TLS are those of `url`, whose host means nothing.
 * - `cluster`: some nodes of a Redis Cluster. Credentials and TLS of the first one are those of all.
 */
export type RedisConnection =
  | { readonly url: string }
  | {
      readonly sentinels: { readonly name: string; readonly nodes: readonly string[] };
      readonly url?: string | undefined;
    }
  | { readonly cluster: readonly string[] };

export interface RedisTimeLimits {
  readonly connectMs: number;
  /** A connection on which an answer is due and nothing comes for so long is dead. */
  readonly silenceMs: number;
}

export type RedisClient = Redis | Cluster;

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
export function openCommands(connection: RedisConnection, limits: RedisTimeLimits): RedisClient {
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
    const { host: _host, port: _port, ...access } = parseAddress(connection.cluster[0] ?? '');
    const options = {
      redisOptions: { ...common, ...access },
      enableOfflineQueue: false,
      enableAutoPipelining: true,
      scripts: ENTRY_SCRIPTS,
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
    scripts: ENTRY_SCRIPTS,
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
    return new Redis({ ...parseAddress(cluster[attempt % cluster.length] ?? ''), ...own });
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
    noDelay: true,
  };
}

function serverOptions(
  connection: Exclude<RedisConnection, { cluster: unknown }>,
  limits: RedisTimeLimits,
): ClientOptions {
  if (!('sentinels' in connection)) return parseAddress(connection.url);
  const { name, nodes } = connection.sentinels;
  const { host: _host, port: _port, ...servers } = parseAddress(connection.url ?? 'redis://unused');
  const sentinels = parseAddress(nodes[0] ?? '', 26_379);
  return {
    ...servers,
    name,
    sentinels: nodes.map((node) => hostAndPort(node, 26_379)),
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

function hostAndPort(address: string, defaultPort = 6_379): { host: string; port: number } {
  const { host, port } = parseAddress(address, defaultPort);
  return { host, port };
}

interface RedisAddress {
  host: string;
  port: number;
  db?: number;
  username?: string;
  password?: string;
  tls?: { servername?: string };
}

/**
 * The parts of `redis://user:password@host:port/db` (https://www.iana.org/assignments/uri-schemes/prov/redis) or
 * `host:port`. Parameters in a query are not read: they could undo the time limits.
 *
 * @throws TypeError where it is neither
 */
function parseAddress(address: string, defaultPort = 6_379): RedisAddress {
  const url = new URL(address.includes('://') ? address : `redis://${address}`);
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:')
    throw new TypeError(`a Redis address begins with redis:// or rediss://, not ${url.protocol}//`);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const db = /^\/(\d+)$/.exec(url.pathname)?.[1];
  return {
    host: host === '' ? 'localhost' : host,
    port: url.port === '' ? defaultPort : Number(url.port),
    ...(db !== undefined && { db: Number(db) }),
    ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
    // SNI must not be sent for IP addresses (RFC 6066, section 3); Node leaves it out by itself then.
    ...(url.protocol === 'rediss:' && { tls: {} }),
  };
}
