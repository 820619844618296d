import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { SharedPool } from '@cloud-mirror/fair-shares';

/** The number of connections in addition to those of waiting clients. */
const OTHER_CONNECTIONS = 20_000;
/** The share of the open-files limit for clients. Stores, queues, entries and origins need the remaining files. */
const SHARE_OF_FILES = 0.75;
/** A connection without a request for this long may be closed to make room. */
const PATIENCE_MS = 1_000;
/** The minimum time between two sheds, because each examines all connections and a flood would cause many. */
const SHED_INTERVAL_MS = 100;
/** The largest share of connections that one shed closes. */
const SHED_SHARE = 0.1;

/** The default limit of connections: enough for all waiting requests, within the open-files limit of the process. */
export function maxConnections(maxWaiting: number): number {
  return Math.min(maxWaiting + OTHER_CONNECTIONS, Math.floor(maxOpenFiles() * SHARE_OF_FILES));
}

/** Whose share a connection is in; `null`: nobody's. */
export type ConnectionOwner = (socket: Socket) => string | null;

interface Connection {
  /** The response to the latest request; null before the first. Responses end in the order of their requests. */
  answer: ServerResponse | null;
  /** `performance.now()` at the arrival of that request, or of the connection. */
  heardAtMs: number;
}

/**
 * Tracks the connections of a server. When the server drops a connection because of its limit, closes idle ones and
 * then those without a request for the longest time, so that clients that only hold connections do not keep others out.
 * Never closes a connection with a request in progress. Refuses connections of a client that has its share of them already.
 */
export class OpenConnections {
  readonly #server: Server;
  readonly #connections = new Map<Duplex, Connection>();
  readonly #pool: SharedPool;
  readonly #ownerOf: ConnectionOwner;
  #shedAtMs = -Infinity;

  /**
   * @param server its `maxConnections` is set
   * @param ownerOf by default, connections have no owners
   */
  constructor(server: Server, ownerOf: ConnectionOwner = () => null) {
    this.#server = server;
    this.#pool = new SharedPool(server.maxConnections);
    this.#ownerOf = ownerOf;
    server.on('connection', (socket: Socket) => this.#opened(socket));
    for (const event of ['request', 'checkContinue', 'checkExpectation'] as const)
      server.prependListener(event, ({ socket }: IncomingMessage, response: ServerResponse) => {
        const connection = this.#connections.get(socket);
        if (connection === undefined) return;
        connection.answer = response;
        connection.heardAtMs = performance.now();
      });
    server.on('drop', () => this.#shed());
  }

  /** The response in progress on a connection, the last one if there are several; null if there is none. */
  answerOn(socket: Duplex): ServerResponse | null {
    const answer = this.#connections.get(socket)?.answer ?? null;
    return answer === null || answer.closed ? null : answer;
  }

  /** Closes the connections without a request in progress. */
  cutSilent(): void {
    for (const socket of this.#connections.keys()) if (this.answerOn(socket) === null) socket.destroy();
  }

  #opened(socket: Socket): void {
    const owner = this.#ownerOf(socket);
    const { place, refusal } = this.#pool.take(owner === null ? [] : [owner]);
    // The server itself drops connections beyond its limit.
    if (refusal === 'over_share') {
      socket.destroy();
      return;
    }
    this.#connections.set(socket, { answer: null, heardAtMs: performance.now() });
    socket.once('close', () => {
      this.#connections.delete(socket);
      place?.[Symbol.dispose]();
    });
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

/** The open-files limit of the process; Infinity if it is unknown. */
function maxOpenFiles(): number {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? Infinity : Number(limit);
  } catch {
    // Only Linux has this file.
    return Infinity;
  }
}
