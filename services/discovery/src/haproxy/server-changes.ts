import { addressText, SERVER_OPTIONS } from '@cloud-mirror/edge-config';
import type { RenderedBackend, RenderedServer } from '@cloud-mirror/edge-config';
import type { RunningServer } from './runtime-api.ts';

/** A change of one server in a running HAProxy. */
export interface ServerChange {
  readonly kind: 'add' | 'move' | 'enable' | 'drain' | 'remove';
  /** `backend/server` */
  readonly server: string;
  /** The line for the Runtime API. */
  readonly line: string;
}

/**
 * What makes a running backend the wanted one.
 * @param removes false to leave servers that are unknown as they are, because not every instance may be known yet
 */
export function serverChanges(
  { name: backend, servers, leaving, isSticky }: RenderedBackend,
  running: ReadonlyMap<string, RunningServer>,
  removes: boolean,
): ServerChange[] {
  const wanted = new Map(servers.map((server) => [server.name, server]));
  const known = new Set(leaving);
  const changes: ServerChange[] = [];
  for (const server of servers) {
    const now = running.get(server.name);
    if (now === undefined) changes.push(...additions(backend, server));
    else changes.push(...corrections(backend, server, now));
  }
  for (const [name, now] of running) {
    const server = `${backend}/${name}`;
    if (wanted.has(name)) continue;
    if (known.has(name)) {
      // A server that drains still gets the requests of clients that stay with it.
      const state = isSticky ? 'maint' : 'drain';
      const isDone = now.isInMaintenance || (now.isDraining && !isSticky);
      if (!isDone) changes.push({ kind: 'drain', server, line: `set server ${server} state ${state}` });
    } else if (removes) {
      // HAProxy refuses to remove a server with open connections, so this is repeated until it does not.
      const line = `set server ${server} state maint; del server ${server}`;
      changes.push({ kind: 'remove', server, line });
    }
  }
  return changes;
}

/** Whether HAProxy did what was asked, by its answer. */
export function isDone({ kind }: ServerChange, answer: string): boolean {
  const rest = answer
    .replaceAll(/New server registered\.|Server deleted\.|no need to change the (?:addr|port).*/g, '')
    .trim();
  return kind === 'move' ? !/error|invalid|no such/i.test(rest) : rest === '';
}

function additions(backend: string, server: RenderedServer): ServerChange[] {
  if (!server.canBeAdded) return [];
  const path = `${backend}/${server.name}`;
  const line = `add server ${path} ${addressText(server)} ${SERVER_OPTIONS}; enable health ${path}; enable server ${path}`;
  return [{ kind: 'add', server: path, line }];
}

function corrections(backend: string, server: RenderedServer, now: RunningServer): ServerChange[] {
  const path = `${backend}/${server.name}`;
  const changes: ServerChange[] = [];
  if (server.canBeAdded && (now.host !== server.host || now.port !== server.port))
    changes.push({
      kind: 'move',
      server: path,
      line: `set server ${path} addr ${server.host} port ${server.port}`,
    });
  if (now.isDraining || now.isInMaintenance)
    changes.push({ kind: 'enable', server: path, line: `set server ${path} state ready` });
  return changes;
}
