import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { createSecureContext, type SecureContext } from 'node:tls';
import { orAborted } from '@cloud-mirror/waiting';
import { errors, type Client, type Dispatcher } from 'undici';
import type { CallLifetime } from './call-lifetime.ts';
import { causeChain } from './cause-chain.ts';
import { answerFault, roughCause } from './connection-failure.ts';
import {
  AddressRefusedError,
  ConnectError,
  openGuardedConnection,
  type GuardedConnectorOptions,
  type Resolver,
} from './guarded-connector.ts';
import { HostConnections, type UsedConnection } from './host-connections.ts';
import { HostBusyError } from './host-turns.ts';
import { requestLeniently, type LenientResponse } from './lenient-request.ts';
import { hostForClients } from './log-form.ts';
import { OriginConnection, type Connect } from './origin-connection.ts';
import { OriginError } from './origin.ts';
import type { PerOriginLimits } from './per-origin-limits.ts';
import { openProxiedConnection, proxyFailure } from './proxied-connection.ts';
import { proxyAuthorization, proxyFor, type ProxySettings } from './proxy-choice.ts';
import { ResponseHeaders } from './response-headers.ts';

export interface HopRequest {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD';
  readonly headers: Readonly<Record<string, string>>;
  /** From the source policy's rule for this URL, not for the URL that redirected here. */
  readonly privateAddresses: boolean;
  readonly lifetime: CallLifetime;
  /** Time limit for the headers; firstByteSeconds applies if that is shorter. */
  readonly answerSeconds?: number | undefined;
}

export interface HopResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** The caller must read it to its end or destroy it. Errors after that are ignored. */
  readonly body: Readable;
  /** Gives up the body: drains a short one in the background so that the connection can be reused, or closes it. */
  readonly discard: () => void;
  /** Waits until the byte budget of the host covers bytes of the body that were read; `null` if there is no budget. */
  readonly throttle: ((bytes: number) => Promise<void>) | null;
}

export interface HopRequesterOptions {
  readonly connectSeconds: number;
  readonly firstByteSeconds: number;
  readonly userAgent: string;
  readonly resolver?: Resolver | undefined;
  /** Certificate authorities (PEM) to trust in place of Node's. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Without it, every origin is reached directly. */
  readonly proxy?: ProxySettings | undefined;
  readonly perOrigin?: PerOriginLimits | undefined;
}

const MAX_HEADER_BYTES = 32 * 1024;
const CONNECTION_OPTIONS = {
  allowH2: false,
  pipelining: 1,
  maxHeaderSize: MAX_HEADER_BYTES,
  keepAliveTimeout: 4000,
  keepAliveMaxTimeout: 30_000,
} as const;
const DISCARD_BYTES = 16 * 1024;
const DISCARD_MS = 2000;
/** Bound of the set of servers that need the lenient parser; the oldest is evicted first. */
const MAX_LENIENT_ORIGINS = 256;

/** Sends one request and returns the answer, whatever its status. Does not follow redirects or decode the body. */
export class HopRequester implements AsyncDisposable {
  readonly #options: HopRequesterOptions;
  readonly #closed = new AbortController();
  readonly #connections: HostConnections;
  readonly #secureContext: SecureContext | undefined;
  /** Servers whose last answer undici could not parse: the next request uses the lenient parser at once. */
  readonly #lenientOrigins = new Set<string>();

  constructor(options: HopRequesterOptions) {
    this.#options = options;
    this.#connections = new HostConnections(options.perOrigin);
    const { ca } = options;
    this.#secureContext =
      ca === undefined ? undefined : createSecureContext({ ca: ca as string | Buffer | (string | Buffer)[] });
  }

  /** Aborted when this requester is disposed of. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /**
   * @throws {OriginError} `not_allowed` (by the address guard), `origin_unreachable`, `origin_busy`; the caller's abort
   *   reason
   */
  async request(hop: HopRequest): Promise<HopResponse> {
    try {
      if (this.#lenientOrigins.has(hop.url.origin)) return await this.#sendLeniently(hop);
      return await this.#sendWithRetry(hop);
    } catch (error) {
      throw this.#failure(error, hop);
    }
  }

  /** Retries once, on a fresh connection, if a reused connection broke or undici could not parse the answer. */
  async #sendWithRetry(hop: HopRequest): Promise<HopResponse> {
    try {
      return await this.#send(hop, false);
    } catch (error) {
      if (hop.lifetime.signal.aborted) throw error;
      if (isUnusualAnswer(error)) {
        this.#rememberLenient(hop.url);
        return this.#sendLeniently(hop);
      }
      // A server may close an idle connection at the moment when it is reused (RFC 9112, 9.3.1).
      if (!isBrokenConnection(error)) throw error;
      return this.#send(hop, true);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('closed'));
    await this.#connections.close();
  }

  async #send(hop: HopRequest, isFresh: boolean): Promise<HopResponse> {
    const used = await this.#take(hop, isFresh);
    let response: Dispatcher.ResponseData;
    try {
      response = await this.#ask(hop, used.connection.client);
    } catch (error) {
      used.release(false);
      throw error;
    }
    const { body } = response;
    body.once('close', () => used.release(body.readableEnded));
    // The reader of the body gets this error too. The next request to this server uses the lenient parser.
    body.on('error', (error) => {
      if (isUnusualBody(error)) this.#rememberLenient(hop.url);
    });
    return this.#fromOrigin(hop, {
      status: response.statusCode,
      headers: new ResponseHeaders(response.headers),
      body,
      discard: () => {
        const late = setTimeout(() => body.destroy(), DISCARD_MS);
        body
          .dump({ limit: DISCARD_BYTES })
          .catch(ignore)
          .finally(() => clearTimeout(late));
      },
      throttle: throttleOf(used, hop),
    });
  }

  async #ask(hop: HopRequest, client: Client): Promise<Dispatcher.ResponseData> {
    using limit = this.#headersLimit(hop);
    const asked = client.request({
      path: this.#targetOf(hop.url),
      method: hop.method,
      headers: this.#headers(hop),
      headersTimeout: this.#answerSeconds(hop) * 1000,
      bodyTimeout: 0,
      // By default undici closes the connection after a HEAD, which would cost a handshake for every object.
      ...(hop.method === 'HEAD' && { reset: false }),
      signal: limit.signal,
    });
    // undici heeds the signal only once there is a connection.
    return await orAborted(asked, limit.signal);
  }

  /** @throws {ConnectError} if the proxy, not the origin, answered */
  #fromOrigin({ url }: HopRequest, response: HopResponse): HopResponse {
    if (!this.#isForwarded(url)) return response;
    const failure = proxyFailure(response.status, (name) => response.headers.list(name));
    if (failure === null) return response;
    response.discard();
    throw failure;
  }

  async #sendLeniently(hop: HopRequest): Promise<HopResponse> {
    const used = await this.#take(hop, true);
    let response: LenientResponse;
    try {
      response = await this.#askLeniently(hop, used.connection);
    } catch (error) {
      used.release(false);
      throw error;
    }
    const { status, headers, body } = response;
    // The connection is closed by then.
    body.once('close', () => used.release(body.readableEnded));
    body.on('error', ignore);
    return this.#fromOrigin(hop, {
      status,
      headers: new ResponseHeaders(headers),
      body,
      // This connection is never reused, so draining the body would gain nothing.
      discard: () => body.destroy(),
      throttle: throttleOf(used, hop),
    });
  }

  async #askLeniently(hop: HopRequest, connection: OriginConnection): Promise<LenientResponse> {
    using limit = this.#headersLimit(hop);
    const signal = AbortSignal.any([limit.signal, this.#closed.signal]);
    const socket = await orAborted(connection.open(hop.url), signal);
    return await requestLeniently({
      url: hop.url,
      target: this.#targetOf(hop.url),
      method: hop.method,
      headers: this.#headers(hop),
      socket,
      maxHeaderBytes: MAX_HEADER_BYTES,
      signal,
    });
  }

  /**
   * Waits for a connection. One connection must not serve both:
   * - URLs with and without `privateAddresses`: a connection to a private address serves only URLs that may use it.
   * - HEAD and GET: if a server wrongly sends a body with the answer to a HEAD, the next answer on that connection may
   *   be read from that body, and it must not become an object's bytes.
   * - direct requests and those through a proxy.
   */
  #take({ url, method, privateAddresses, lifetime }: HopRequest, isFresh: boolean): Promise<UsedConnection> {
    const kind = `${url.origin} ${method} ${privateAddresses} ${this.#proxyFor(url) !== null}`;
    const { client, impatient, signal } = lifetime;
    const connect: Connect = (to, cancelled) =>
      this.#connect(to, { ...this.#connectorOptions(privateAddresses), signal: cancelled });
    return this.#connections.take(url, {
      kind,
      isFresh,
      client,
      impatient,
      signal,
      create: (onIdleClose) => new OriginConnection(url.origin, connect, CONNECTION_OPTIONS, onIdleClose),
    });
  }

  #rememberLenient({ origin }: URL): void {
    const origins = this.#lenientOrigins;
    origins.delete(origin);
    origins.add(origin);
    const [oldest] = origins;
    if (origins.size > MAX_LENIENT_ORIGINS && oldest !== undefined) origins.delete(oldest);
  }

  #headers(hop: HopRequest): Record<string, string> {
    return {
      accept: '*/*',
      'accept-encoding': 'identity',
      'user-agent': this.#options.userAgent,
      ...hop.headers,
      ...this.#proxyHeaders(hop.url),
    };
  }

  #proxyFor(url: URL): URL | null {
    return proxyFor(url, this.#options.proxy);
  }

  /** Whether a proxy forwards the request, in absolute form (RFC 9112, 3.2.2). For https it only opens a tunnel. */
  #isForwarded(url: URL): boolean {
    return url.protocol === 'http:' && this.#proxyFor(url) !== null;
  }

  #targetOf(url: URL): string {
    const target = `${url.pathname}${url.search}`;
    return this.#isForwarded(url) ? `${url.origin}${target}` : target;
  }

  #proxyHeaders(url: URL): Record<string, string> {
    const proxy = this.#proxyFor(url);
    const authorization = proxy !== null && this.#isForwarded(url) ? proxyAuthorization(proxy) : null;
    return authorization === null ? {} : { 'proxy-authorization': authorization };
  }

  /**
   * The call's signal, combined with a time limit for the headers; dispose of it when they have arrived. undici's own
   * `headersTimeout` restarts with each interim (1xx) response; this limit does not.
   */
  #headersLimit(hop: HopRequest): Disposable & { readonly signal: AbortSignal } {
    const { connectSeconds } = this.#options;
    const limit = new AbortController();
    const timer = setTimeout(
      () => limit.abort(new errors.HeadersTimeoutError()),
      (connectSeconds + this.#answerSeconds(hop)) * 1000,
    );
    const signal = AbortSignal.any([hop.lifetime.signal, limit.signal]);
    return { signal, [Symbol.dispose]: () => clearTimeout(timer) };
  }

  #answerSeconds({ answerSeconds = Infinity }: HopRequest): number {
    return Math.min(this.#options.firstByteSeconds, answerSeconds);
  }

  #failure(error: unknown, hop: HopRequest): unknown {
    const { url, lifetime } = hop;
    if (lifetime.signal.aborted) return lifetime.failure('origin_unreachable', url);
    const name = hostForClients(url);
    const context = { cause: error, host: url.host };
    if (error instanceof HostBusyError)
      return new OriginError('origin_busy', `the mirror has too much to do with ${name} now`, context);
    if (error instanceof AddressRefusedError)
      return new OriginError('not_allowed', `${name} is not allowed: ${error.message}`, context);
    const fault = answerFault(error);
    const message =
      fault === null
        ? `${name} cannot be reached: ${this.#reason(error, hop)}`
        : `${name} cannot be read: its answer ${fault}`;
    return new OriginError('origin_unreachable', message, context);
  }

  #reason(error: unknown, hop: HopRequest): string {
    const route = this.#proxyFor(hop.url) === null ? '' : ' through the proxy of the mirror';
    if (causeChain(error).some((each) => each instanceof errors.HeadersTimeoutError))
      return `no answer${route} within ${this.#answerSeconds(hop)} s`;
    const what =
      error instanceof ConnectError ? error.message : `the connection${route} broke before the answer`;
    const cause = roughCause(error);
    return cause === null ? what : `${what} (${cause})`;
  }

  async #connect(url: URL, options: GuardedConnectorOptions): Promise<Socket> {
    this.#closed.signal.throwIfAborted();
    const proxy = this.#proxyFor(url);
    return proxy === null ? openGuardedConnection(url, options) : openProxiedConnection(url, proxy, options);
  }

  #connectorOptions(privateAddresses: boolean): Omit<GuardedConnectorOptions, 'signal'> {
    const { connectSeconds, resolver } = this.#options;
    return {
      privateAddresses,
      connectMs: connectSeconds * 1000,
      resolver,
      secureContext: this.#secureContext,
    };
  }
}

function throttleOf({ throttle }: UsedConnection, { lifetime }: HopRequest): HopResponse['throttle'] {
  return throttle === null ? null : (bytes) => throttle(bytes, lifetime.signal);
}

/**
 * Whether undici refused an answer that Node's lenient parser may accept. undici reports an unrequested 100 as a "bad
 * response", and a repeated Content-Length as a length mismatch.
 */
function isUnusualAnswer(error: unknown): boolean {
  return (
    error instanceof errors.HTTPParserError ||
    error instanceof errors.ResponseContentLengthMismatchError ||
    (error instanceof errors.SocketError && /^bad (?:response|upgrade)$/.test(error.message))
  );
}

/** Excludes a body that ends early, which the parser reports too: leniency would not help there. */
function isUnusualBody(error: unknown): boolean {
  return error instanceof errors.HTTPParserError && !/\bEOF\b/i.test(error.message);
}

function isBrokenConnection(error: unknown): boolean {
  if (error instanceof errors.SocketError) return true;
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

function ignore(): void {
  // The reader of the body gets the error from its read.
}
