import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from '@cloud-mirror/program';
import { answerConnect, answerMalformedRequest, lingerThenCut } from './malformed-request.ts';
import { maxConnections, OpenConnections } from './open-connections.ts';

export interface ServerLimits {
  readonly host: string;
  /** 0: the system chooses a free one. */
  readonly port: number;
  readonly keepAliveSeconds: number;
  /** How long answers that have begun may take once the server drains. */
  readonly drainSeconds: number;
  /** Requests that may wait for their answers at once. */
  readonly maxWaiting: number;
  /** The longest that a request may wait for its answer. */
  readonly maxWaitSeconds: number;
  /** Of a URL that is encoded in the path of a request. */
  readonly maxUrlBytes: number;
  /** Where it is left out: room for all who may wait, as far as the process may open files. */
  readonly maxConnections?: number;
}

const HEADER_BYTES = 64 * 1024;
/** A base64 URL takes 4/3 of its bytes, percent-encoded throughout three times that. */
const TARGET_BYTES_PER_URL_BYTE = 4;
const HEADERS_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_HEADERS = 200;
/** A socket on which nothing moves, its client waits for nothing: one who stopped reading a file, say. */
const STALLED_SOCKET_MS = 120_000;

/** How long a connection may take to send the request that it is to be drained for. */
const SILENT_AT_THE_END_MS = 1_000;

/** node:http with limits on all that a client can make last or grow, and an end that answers what it has begun. */
export class HttpServer {
  readonly #server: Server;
  readonly #limits: ServerLimits;
  readonly #connections: OpenConnections;

  constructor(listener: RequestListener, limits: ServerLimits, logger: Logger) {
    this.#limits = limits;
    this.#server = createServer(
      {
        // Too long a URL shall reach the application, which says what is wrong with it.
        maxHeaderSize: HEADER_BYTES + limits.maxUrlBytes * TARGET_BYTES_PER_URL_BYTE,
        keepAliveTimeout: limits.keepAliveSeconds * 1000,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: 5_000,
        // Node's own answer to a missing Host is bare; the application's is not.
        requireHostHeader: false,
        // Nobody reads the streams of requests without a body: their ends need not be told.
        optimizeEmptyRequests: true,
      },
      listener,
    );
    this.#server.maxHeadersCount = MAX_HEADERS;
    this.#server.maxConnections = limits.maxConnections ?? maxConnections(limits.maxWaiting);
    this.#connections = new OpenConnections(this.#server);
    this.#server.timeout = Math.max(STALLED_SOCKET_MS, (limits.maxWaitSeconds + 30) * 1000);
    // An Expect that nobody knows may be ignored (RFC 9110, section 10.1.1).
    this.#server.on('checkExpectation', listener);
    this.#answerWhatIsNoRequest(logger);
  }

  /** @returns the address at which it listens, `http://host:port` */
  async listen(): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen({ host: this.#limits.host, port: this.#limits.port, backlog: 4096 }, resolve);
    await promise;
    this.#server.off('error', reject);
    const { address, family, port } = this.#server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  /** Accepts nothing more, lets what has begun come to its end within `drainSeconds`, then cuts what is left. */
  async drain(): Promise<void> {
    if (!this.#server.listening) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeIdleConnections();
    // Connections on which nothing was asked yet are none of Node's idle ones.
    const hush = setTimeout(() => this.#connections.cutSilent(), SILENT_AT_THE_END_MS);
    const cut = setTimeout(() => this.#server.closeAllConnections(), this.#limits.drainSeconds * 1000);
    await promise;
    clearTimeout(hush);
    clearTimeout(cut);
  }

  #answerWhatIsNoRequest(logger: Logger): void {
    // The parser says so again for each packet that still comes.
    const refused = new WeakSet<Duplex>();
    this.#server.on('clientError', (error: Error, socket: Duplex) => {
      if (refused.has(socket)) return;
      refused.add(socket);
      const answer = this.#connections.answerOn(socket);
      if (answer === null) answerMalformedRequest(error, socket, logger);
      else endAfter(answer, socket);
    });
    this.#server.on('connect', (request: IncomingMessage, socket: Duplex) =>
      answerConnect(request, socket, logger),
    );
  }
}

/**
 * What follows a request on its connection is no request. The answer to the one before is not cut in two by another, and
 * is the connection's last.
 */
function endAfter(answer: ServerResponse, socket: Duplex): void {
  socket.pause();
  if (!answer.headersSent) answer.shouldKeepAlive = false;
  answer.once('finish', () => {
    socket.end();
    lingerThenCut(socket);
  });
}
