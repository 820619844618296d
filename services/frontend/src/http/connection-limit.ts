import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/** Connections beside those of waiting clients. */
const OTHER_CONNECTIONS = 20_000;
/** Of the files that this process may open: the rest is for stores, queue, entries and origins. */
const SHARE_OF_FILES = 0.75;
/** A connection that has been silent for so long makes room where there is none. */
const PATIENCE_MS = 1_000;
/** Not more often than this: looking through all connections takes time, and whoever floods comes again at once. */
const SHED_INTERVAL_MS = 100;
/** Of the connections, closed at once where there is no room. */
const SHED_SHARE = 0.1;

/** Connections at once: room for all who may wait, as far as the process may open files. */
export function maxConnections(maxWaiting: number): number {
  return Math.min(maxWaiting + OTHER_CONNECTIONS, Math.floor(maxOpenFiles() * SHARE_OF_FILES));
}

/**
 * Makes room when a connection had to be turned away: closes idle ones, then those that have been open longest without a
 * whole request. So clients that only hold connections do not keep out the others. Requests under way are never cut.
 * @returns the connections that wait for a request, for the end
 */
export function shedConnections(server: Server): SilentConnections {
  /** Connections without a request under way, the one that has waited longest first, and since when. */
  const silent = new Map<Socket, number>();
  let shedAt = -Infinity;

  server.on('connection', (socket: Socket) => {
    silent.set(socket, performance.now());
    socket.once('close', () => silent.delete(socket));
  });
  server.prependListener('request', ({ socket }: IncomingMessage, response) => {
    silent.delete(socket);
    response.once('close', () => {
      if (!socket.destroyed) silent.set(socket, performance.now());
    });
  });
  server.on('drop', () => {
    const now = performance.now();
    if (now - shedAt < SHED_INTERVAL_MS) return;
    shedAt = now;
    server.closeIdleConnections();
    let left = Math.ceil(server.maxConnections * SHED_SHARE);
    for (const [socket, since] of silent) {
      if (left === 0 || now - since < PATIENCE_MS) return;
      left -= 1;
      socket.destroy();
    }
  });
  return {
    close() {
      for (const socket of silent.keys()) socket.destroy();
    },
  };
}

/** Connections that have no whole request under way. */
export interface SilentConnections {
  /** Cuts them: nothing that was asked is lost. */
  close(): void;
}

/** The limit of open files that the system set; unlimited where it does not tell. */
function maxOpenFiles(): number {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? Infinity : Number(limit);
  } catch {
    // There are no such files outside of Linux.
    return Infinity;
  }
}
