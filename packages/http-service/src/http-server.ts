import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from '@cloud-mirror/program';
import { answerConnect, answerMalformedRequest, lingerThenCut } from './malformed-request.ts';
import { LongBodies } from './long-bodies.ts';
import { clientNetwork, trustedProxyReader } from './client-address.ts';
import { maxConnections, OpenConnections, type ConnectionOwner } from './open-connections.ts';

export interface ServerLimits {
  readonly host: string;
  /** 0 for a free TCP port chosen by the operating system. */
  readonly port: number;
  readonly keepAliveSeconds: number;
  /** The time limit for requests in progress while the server drains. */
  readonly drainSeconds: number;
  /** The number of requests that may wait for a copy at the same time. */
  readonly maxWaiting: number;
  /** The longest time that a request may wait for a copy. */
  readonly maxWaitSeconds: number;
  /** The longest URL that may be encoded in the path of a request. */
  readonly maxUrlBytes: number;
  /** Default: enough for all waiting requests, limited by the open-files limit of the process. */
  readonly maxConnections?: number;
  /** Whether requests may have bodies that take long; see {@link HttpServer.acceptUpload}. Default false. */
  readonly uploads?: boolean;
  /**
   * CIDRs of proxies, which hold the connections of many clients. Every other address may have as many connections as are
   * free. Without it, connections are not shared out: for servers that only probes reach.
   */
  readonly trustedProxies?: readonly string[];
}

const HEADER_BYTES = 64 * 1024;
/** Base64 takes 4/3 of a URL's bytes; percent-encoding every byte takes three times the URL. */
const TARGET_BYTES_PER_URL_BYTE = 4;
const HEADERS_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_HEADERS = 200;
/** The inactivity limit of a socket, for example of a client that stopped reading a file. */
const STALLED_SOCKET_MS = 120_000;

/** How long a drain waits for the first request on a connection that has not sent one yet. */
const SILENT_AT_THE_END_MS = 1_000;

/** node:http with limits on everything that a client can prolong or enlarge, and a drain that finishes open requests. */
export class HttpServer {
  readonly #server: Server;
  readonly #limits: ServerLimits;
  readonly #connections: OpenConnections;
  readonly #bodies = new LongBodies();

  constructor(listener: RequestListener, limits: ServerLimits, logger: Logger) {
    this.#limits = limits;
    this.#server = createServer(
      {
        // A URL that is too long must reach the application, which answers with a helpful error.
        maxHeaderSize: HEADER_BYTES + limits.maxUrlBytes * TARGET_BYTES_PER_URL_BYTE,
        keepAliveTimeout: limits.keepAliveSeconds * 1000,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: limits.uploads === true ? 0 : REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: 5_000,
        // Node would answer a missing Host without a body; the application sends problem+json.
        requireHostHeader: false,
        // Node would keep the first of several Host, Authorization or Range headers and hide the others.
        joinDuplicateHeaders: true,
        // Nothing reads the streams of requests without a body, so they need no 'end' events.
        optimizeEmptyRequests: true,
      },
      listener,
    );
    this.#server.maxHeadersCount = MAX_HEADERS;
    this.#server.maxConnections = limits.maxConnections ?? maxConnections(limits.maxWaiting);
    this.#connections = new OpenConnections(this.#server, ownerReader(limits.trustedProxies));
    if (limits.uploads === true)
      for (const event of ['request', 'checkContinue', 'checkExpectation'] as const)
        this.#server.prependListener(event, (request: IncomingMessage) => this.#bodies.watch(request));
    this.#server.timeout = Math.max(STALLED_SOCKET_MS, (limits.maxWaitSeconds + 30) * 1000);
    // A server may ignore an unknown expectation (RFC 9110, section 10.1.1).
    this.#server.on('checkExpectation', listener);
    // Without a listener, node:http sends `100 Continue` to every such request, even if its body is not wanted.
    this.#server.on('checkContinue', listener);
    this.#answerWhatIsNoRequest(logger);
  }

  /** Lets the body of a request take long, as long as it keeps arriving. Only for a server with `uploads`. */
  acceptUpload(request: IncomingMessage): void {
    this.#bodies.accept(request);
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

  /** Stops accepting connections, waits for open requests up to `drainSeconds`, then closes all connections. */
  async drain(): Promise<void> {
    if (!this.#server.listening) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeIdleConnections();
    // `closeIdleConnections` ignores connections without a request, so they are closed separately.
    const hush = setTimeout(() => this.#connections.cutSilent(), SILENT_AT_THE_END_MS);
    const cut = setTimeout(() => this.#server.closeAllConnections(), this.#limits.drainSeconds * 1000);
    await promise;
    clearTimeout(hush);
    clearTimeout(cut);
  }

  #answerWhatIsNoRequest(logger: Logger): void {
    // The parser emits the error again for each further packet.
    const refused = new WeakSet<Duplex>();
    this.#server.on('clientError', (error: Error, socket: Duplex) => {
      if (refused.has(socket)) return;
      refused.add(socket);
      const answer = this.#connections.answerOn(socket);
      if (answer === null) answerMalformedRequest(error, socket, logger);
      // The client left in the middle of its upload. The handler waits for the rest of it.
      else if (this.#bodies.isAccepted(answer.req)) socket.destroy();
      else endAfter(answer, socket);
    });
    this.#server.on('connect', (request: IncomingMessage, socket: Duplex) =>
      answerConnect(request, socket, logger),
    );
  }
}

/**
 * Handles malformed data that follows a valid request on its connection: lets the response in progress finish, without
 * an error response in the middle of it, and then closes the connection.
 */
function endAfter(answer: ServerResponse, socket: Duplex): void {
  socket.pause();
  if (!answer.headersSent) answer.shouldKeepAlive = false;
  answer.once('finish', () => {
    socket.end();
    lingerThenCut(socket);
  });
}

function ownerReader(trustedProxies: readonly string[] | undefined): ConnectionOwner | undefined {
  if (trustedProxies === undefined) return undefined;
  const isTrusted = trustedProxyReader(trustedProxies);
  return ({ remoteAddress = '' }) => (isTrusted(remoteAddress) ? null : clientNetwork(remoteAddress));
}
