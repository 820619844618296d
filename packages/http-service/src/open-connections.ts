import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

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

interface Connection {
  /** To the last request on it; `null`: there was none. Answers end in the order of their requests. */
  answer: ServerResponse | null;
  /** When that request came, or the connection itself, by `performance.now()`. */
  heardAtMs: number;
}

/**
 * The connections of a server. Makes room when one had to be turned away: closes idle ones, then those that have
 * been heard of least lately. So clients that only hold connections do not keep out the others. Requests under
 * way are never cut.
 */
export class OpenConnections {
  readonly #server: Server;
  readonly #connections = new Map<Duplex, Connection>();
  #shedAtMs = -Infinity;

  constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket: Socket) => this.#opened(socket));
    server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      const connection = this.#connections.get(socket);
      if (connection === undefined) return;
      connection.answer = response;
      connection.heardAtMs = performance.now();
    });
    server.on('drop', () => this.#shed());
  }

  /** The answer under way on a connection, the last one where there are several. */
  answerOn(socket: Duplex): ServerResponse | null {
    const answer = this.#connections.get(socket)?.answer ?? null;
    return answer === null || answer.closed ? null : answer;
  }

  /** Cuts those that have no whole request under way: nothing that was asked is lost. */
  cutSilent(): void {
    for (const socket of this.#connections.keys()) if (this.answerOn(socket) === null) socket.destroy();
  }

  #opened(socket: Socket): void {
    this.#connections.set(socket, { answer: null, heardAtMs: performance.now() });
    socket.once('close', () => this.#connections.delete(socket));
  }

  #shed(): void {
    const now = performance.now();
    if (now - this.#shedAtMs < SHED_INTERVAL_MS) return;
    this.#shedAtMs = now;
    this.#server.closeIdleConnections();
    const most = Math.ceil(this.#server.maxConnections * SHED_SHARE);
    const silent = [...this.#connections].filter(
      ([socket, { heardAtMs }]) => now - heardAtMs >= PATIENCE_MS && this.answerOn(socket) === null,
    );
    silent.sort(([, one], [, other]) => one.heardAtMs - other.heardAtMs);
    for (const [socket] of silent.slice(0, most)) socket.destroy();
  }
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
