import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import type { z } from 'zod';
import type { Logger } from '@cloud-mirror/program';
import { parseRedisAddress } from '@cloud-mirror/redis';
import { MemoryRegistry, RedisRegistry } from '@cloud-mirror/registry';
import type { Registry } from '@cloud-mirror/registry';
import { redisFailureLog } from './redis-failures.ts';
import { redisConnection, type RedisSettings } from './redis-settings.ts';
import type { registrySchema } from './registry-schema.ts';

export type RegistrySettings = z.output<typeof registrySchema>;

/** Whether other processes read the registry too. */
export function isShared(settings: RegistrySettings, entries: RedisSettings): boolean {
  return (settings.kind ?? entries.kind) === 'redis';
}

export async function openRegistry(
  settings: RegistrySettings,
  entries: RedisSettings,
  logger: Logger,
): Promise<Registry> {
  if (!isShared(settings, entries)) return new MemoryRegistry();
  return RedisRegistry.open({
    connection: redisConnection(entries),
    keyPrefix: entries.keyPrefix,
    commandTimeoutMs: entries.commandTimeoutMs,
    onError: redisFailureLog(logger.child({ part: 'registry' })),
  });
}

/**
 * The host at which others reach a listener: `registry.advertise`; else the address that it listens on; for a listener on
 * all addresses, that of the route to Redis, or the first one of this machine.
 * @param listening the address of the listener, without brackets
 */
export async function advertisedHost(
  listening: string,
  { advertise }: RegistrySettings,
  entries: RedisSettings,
): Promise<string> {
  if (advertise !== null) return advertise.replace(/^\[(.*)\]$/, '$1');
  if (listening !== '0.0.0.0' && listening !== '::') return listening;
  const redis = entries.kind === 'redis' ? redisHost(entries) : null;
  const route = redis === null ? null : await routeTo(redis).catch(() => null);
  return route ?? firstAddress() ?? '127.0.0.1';
}

function redisHost({ url, cluster, sentinels }: RedisSettings): { host: string; port: number } | null {
  const address = sentinels?.nodes[0] ?? cluster?.[0] ?? url;
  const parsed = address === undefined ? null : parseRedisAddress(address);
  return parsed?.ok === true ? parsed.address : null;
}

/** The address that this machine would send from. A connected UDP socket sends nothing. */
async function routeTo({ host, port }: { readonly host: string; readonly port: number }): Promise<string> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  try {
    socket.connect(port, host);
    await once(socket, 'connect', { signal: AbortSignal.timeout(ROUTE_MS) });
    return socket.address().address;
  } finally {
    socket.close();
  }
}

const ROUTE_MS = 2_000;

function firstAddress(): string | null {
  const addresses = Object.values(networkInterfaces()).flatMap((some) => some ?? []);
  return addresses.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? null;
}
