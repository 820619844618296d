import type { AppFault, PublishedApp, PublishedPort } from './published-apps.ts';

/** A port of an app, with the listener that it got. */
export interface ClaimedPort extends PublishedPort {
  /** null if it is served by host name alone. */
  readonly listen: { readonly address: string; readonly port: number } | null;
}

export interface ClaimedApp {
  readonly app: string;
  readonly ports: readonly ClaimedPort[];
}

interface Listener {
  readonly address: string;
  readonly port: number;
  /** Whose it is, for messages: `the app a`. */
  readonly owner: string;
}

/**
 * Gives listeners and host names to apps, first by id. An app that wants what another one has is left out.
 * A port with host names and without `HAPROXY_{n}_PORT` also gets its service port, if nobody else wants it.
 * @param taken listeners of static sections
 */
export function claimAll(
  apps: readonly PublishedApp[],
  taken: readonly Listener[],
): { readonly apps: readonly ClaimedApp[]; readonly faults: readonly AppFault[] } {
  const faults: AppFault[] = [];
  const listeners = new ListenerTable(taken);
  const hosts = new Map<string, string>();
  const admitted = apps.filter(({ app, ports }) => {
    const reason = claim(app, ports, listeners, hosts);
    if (reason !== null) faults.push({ app, reason });
    return reason === null;
  });
  return {
    apps: admitted.map(({ app, ports }) => ({
      app,
      ports: ports.map((port) => ({ ...port, listen: listenerOf(app, port, listeners) })),
    })),
    faults,
  };
}

/** @returns why the app cannot have what it wants; null if it has it */
function claim(
  app: string,
  ports: readonly PublishedPort[],
  listeners: ListenerTable,
  hosts: Map<string, string>,
): string | null {
  const own: Listener[] = [];
  const ownHosts: string[] = [];
  for (const port of ports) {
    const { labels } = port;
    if (labels.port !== null || labels.hosts.length === 0) {
      const wanted = { ...wantedListener(port), owner: `the app ${app}` };
      const other = listeners.ownerOf(wanted) ?? own.find((one) => overlap(one, wanted))?.owner;
      if (other !== undefined)
        return `${wanted.address}:${wanted.port} is taken by ${other}; set another ${port.name.replace(/^.*_/, 'HAPROXY_')}_PORT`;
      own.push(wanted);
    }
    for (const host of labels.hosts) {
      const route = `${host}${labels.path ?? ''}`;
      const other = hosts.get(route) ?? (ownHosts.includes(route) ? app : undefined);
      if (other !== undefined) return `the host name ${route} is taken by the app ${other}`;
      ownHosts.push(route);
    }
  }
  for (const one of own) listeners.add(one);
  for (const route of ownHosts) hosts.set(route, app);
  return null;
}

function listenerOf(app: string, port: PublishedPort, listeners: ListenerTable): ClaimedPort['listen'] {
  const { address, port: number } = wantedListener(port);
  const listen = { address, port: number };
  if (port.labels.port !== null || port.labels.hosts.length === 0) return listen;
  const wanted = { ...listen, owner: `the app ${app}` };
  if (listeners.ownerOf(wanted) !== undefined) return null;
  listeners.add(wanted);
  return listen;
}

function wantedListener({ labels, servicePort }: PublishedPort): Omit<Listener, 'owner'> {
  return { address: labels.bindAddress, port: labels.port ?? servicePort };
}

class ListenerTable {
  readonly #byPort = new Map<number, Listener[]>();

  constructor(taken: readonly Listener[]) {
    for (const listener of taken) this.add(listener);
  }

  add(listener: Listener): void {
    const same = this.#byPort.get(listener.port) ?? [];
    this.#byPort.set(listener.port, [...same, listener]);
  }

  ownerOf(wanted: Listener): string | undefined {
    return this.#byPort.get(wanted.port)?.find((one) => overlap(one, wanted))?.owner;
  }
}

function overlap(one: Listener, other: Listener): boolean {
  if (one.port !== other.port) return false;
  return isAll(one.address) || isAll(other.address) || one.address === other.address;
}

function isAll(address: string): boolean {
  return address === '' || address === '*' || address === '0.0.0.0' || address === '::';
}
