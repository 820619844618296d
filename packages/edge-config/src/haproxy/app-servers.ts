import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { byStart, canServe } from '@cloud-mirror/registry/instance';
import type { Instance } from '@cloud-mirror/registry/instance';
import { addressText, isPort, isSectionName, isServerHost } from './safe-words.ts';
import type { HostAndPort } from './safe-words.ts';

/** A server of a backend. */
export interface RenderedServer extends HostAndPort {
  readonly name: string;
  /** Whether it can be added to a running HAProxy, which looks up no names. */
  readonly canBeAdded: boolean;
}

/** The servers for one port of an app. */
export interface AppServers {
  /** In the order of their names. */
  readonly servers: readonly RenderedServer[];
  /** Names of instances that are known and get no new requests. */
  readonly leaving: readonly string[];
}

/** Checks by HAProxy itself, beside the registry's leases. Servers that are added at run time need the same words. */
export const SERVER_OPTIONS = 'check inter 1s fall 2 rise 2';

/**
 * The servers for port n of an app: the instances that run and are healthy. If none is healthy, all that run, so that
 * HAProxy's own checks decide. Of several instances at one address, the newest is taken.
 */
export function appServers(instances: readonly Instance[], n: number): AppServers {
  const placed = instances.flatMap((instance) => {
    const server = serverOf(instance, n);
    return server === null ? [] : [{ instance, server }];
  });
  const healthy = placed.filter(({ instance }) => canServe(instance));
  const chosen = healthy.length > 0 ? healthy : placed.filter(({ instance }) => instance.state === 'running');
  const byAddress = new Map<string, RenderedServer>();
  for (const { server } of chosen.sort((one, other) => byStart(one.instance, other.instance)))
    byAddress.set(addressText(server), server);
  const servers = [...byAddress.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  const names = new Set(servers.map(({ name }) => name));
  return {
    servers,
    leaving: placed.map(({ server }) => server.name).filter((name) => !names.has(name)),
  };
}

/** What is wrong with the addresses of an instance; null if nothing is. */
export function addressFault({ host, ports }: Instance): string | null {
  if (!isServerHost(host)) return 'its host is neither a name nor an IP address';
  return ports.every(({ port, servicePort }) => isPort(port) && isPort(servicePort))
    ? null
    : 'a port of it is not from 1 to 65535';
}

export function serverLine(server: RenderedServer): string {
  const start = server.canBeAdded ? '' : ' init-addr last,libc,none';
  return `  server ${server.name} ${addressText(server)} ${SERVER_OPTIONS}${start}`;
}

function serverOf(instance: Instance, n: number): RenderedServer | null {
  const port = instance.ports[n];
  if (port === undefined) return null;
  return {
    name: serverName(instance.id),
    host: instance.host,
    port: port.port,
    canBeAdded: isIP(instance.host) !== 0,
  };
}

/** Other programs choose their ids themselves, and HAProxy allows few characters. */
function serverName(id: string): string {
  return isSectionName(id) ? id : `x${createHash('sha256').update(id).digest('hex').slice(0, 26)}`;
}
