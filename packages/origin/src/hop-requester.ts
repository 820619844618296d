import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Agent, errors } from 'undici';
import type { CallLifetime } from './call-lifetime.ts';
import { causeChain } from './cause-chain.ts';
import { answerFault, roughCause } from './connection-failure.ts';
import {
  AddressRefusedError,
  ConnectError,
  connectorOf,
  openGuardedConnection,
  type GuardedConnectorOptions,
  type Resolver,
} from './guarded-connector.ts';
import { hostForClients } from './log-form.ts';
import { OriginError } from './origin.ts';
import { openProxiedConnection, proxyFailure } from './proxied-connection.ts';
import { proxyAuthorization, proxyFor, type ProxySettings } from './proxy-choice.ts';
import { ResponseHeaders } from './response-headers.ts';
import { requestTolerantly } from './tolerant-request.ts';

export interface HopRequest {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD';
  readonly headers: Readonly<Record<string, string>>;
  /** What the source policy's rule for this very URL says. */
  readonly privateAddresses: boolean;
  readonly lifetime: CallLifetime;
  /** Longest wait for the headers, where it is shorter than firstByteSeconds. */
  readonly answerSeconds?: number | undefined;
}

export interface HopResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** To be read to its end or destroyed. Errors after that are nobody's. */
  readonly body: Readable;
  /** Gives up the body: reads a little in the background so that the connection can be used again, or closes it. */
  readonly discard: () => void;
}

export interface HopRequesterOptions {
  readonly connectSeconds: number;
  readonly firstByteSeconds: number;
  readonly userAgent: string;
  readonly resolver?: Resolver | undefined;
  /** Certificate authorities (PEM) to trust in place of Node's. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Every origin is asked directly where it is left out. */
  readonly proxy?: ProxySettings | undefined;
}

const MAX_HEADER_BYTES = 32 * 1024;
const DISCARD_BYTES = 16 * 1024;
const DISCARD_MS = 2000;
/** Servers remembered that undici does not understand; the oldest is forgotten first. */
const MAX_TOLERATED = 256;

/** Sends one request and gives its answer, whatever the status: no redirects, no decoding, no credentials. */
export class HopRequester implements AsyncDisposable {
  readonly #options: HopRequesterOptions;
  readonly #closed = new AbortController();
  /**
   * One pool for each permission: a connection that a rule with privateAddresses opened is never used for another's URL.
   * One for each method: where a server sends a body with the answer to a HEAD, what follows on that connection may be
   * read out of it. That must not become an object's bytes. And one for each way, through a proxy or not.
   */
  readonly #agents = new Map<string, Agent>();
  readonly #secureContext: SecureContext | undefined;
  /** Servers whose last answer undici could not parse: they are asked by the lenient client at once. */
  readonly #tolerated = new Set<string>();

  constructor(options: HopRequesterOptions) {
    this.#options = options;
    const { ca } = options;
    this.#secureContext =
      ca === undefined ? undefined : createSecureContext({ ca: ca as string | Buffer | (string | Buffer)[] });
  }

  /** Aborted when this is disposed of. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** @throws {OriginError} `not_allowed` from the address guard, `origin_unreachable`; the caller's reason when aborted */
  async request(hop: HopRequest): Promise<HopResponse> {
    try {
      if (this.#tolerated.has(hop.url.origin)) return await this.#sendTolerantly(hop);
      return await this.#sendTwice(hop);
    } catch (error) {
      throw this.#failure(error, hop);
    }
  }

  /** A second time on a fresh connection where the fault may be the connection's, or undici's dislike of the answer. */
  async #sendTwice(hop: HopRequest): Promise<HopResponse> {
    try {
      return await this.#send(hop);
    } catch (error) {
      if (hop.lifetime.signal.aborted) throw error;
      if (isUnusualAnswer(error)) {
        this.#tolerate(hop.url);
        return this.#sendTolerantly(hop);
      }
      // An idle connection that the server closes at the same moment breaks the request which was to reuse it.
      if (!isBrokenConnection(error)) throw error;
      return this.#send(hop);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('closed'));
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }

  async #send(hop: HopRequest): Promise<HopResponse> {
    using limit = this.#headersLimit(hop);
    const response = await this.#agent(hop).request({
      origin: hop.url.origin,
      path: this.#targetOf(hop.url),
      method: hop.method,
      headers: this.#headers(hop),
      headersTimeout: this.#answerSeconds(hop) * 1000,
      bodyTimeout: 0,
      // By itself undici closes the connection after a HEAD: a handshake for each first request.
      ...(hop.method === 'HEAD' && { reset: false }),
      signal: limit.signal,
    });
    const { body } = response;
    // The reader of the body learns of the error as well. An unusual body is read by the lenient client the next time.
    body.on('error', (error) => {
      if (isUnusualBody(error)) this.#tolerate(hop.url);
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
    });
  }

  /** @throws {ConnectError} where a proxy answered in the origin's stead */
  #fromOrigin({ url }: HopRequest, response: HopResponse): HopResponse {
    if (!this.#isForwarded(url)) return response;
    const failure = proxyFailure(response.status, (name) => response.headers.list(name));
    if (failure === null) return response;
    response.discard();
    throw failure;
  }

  async #sendTolerantly(hop: HopRequest): Promise<HopResponse> {
    using limit = this.#headersLimit(hop);
    const signal = AbortSignal.any([limit.signal, this.#closed.signal]);
    const socket = await this.#connect(hop.url, { ...this.#connectorOptions(hop.privateAddresses), signal });
    const { status, headers, body } = await requestTolerantly({
      url: hop.url,
      target: this.#targetOf(hop.url),
      method: hop.method,
      headers: this.#headers(hop),
      socket,
      maxHeaderBytes: MAX_HEADER_BYTES,
      signal,
    });
    body.on('error', ignore);
    // The connection is not used again, so there is nothing to read for.
    const response = { status, headers: new ResponseHeaders(headers), body, discard: () => body.destroy() };
    return this.#fromOrigin(hop, response);
  }

  #tolerate({ origin }: URL): void {
    this.#tolerated.delete(origin);
    this.#tolerated.add(origin);
    const [oldest] = this.#tolerated;
    if (this.#tolerated.size > MAX_TOLERATED && oldest !== undefined) this.#tolerated.delete(oldest);
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

  /** Whether a proxy itself reads the request, in absolute form (RFC 9112, 3.2.2): over https it sees a tunnel only. */
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
   * The call's own signal, aborted as well where the headers take too long; disposed of when they are there. The limit of
   * undici's parser starts anew with each interim response, this one does not.
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
    const way = this.#proxyFor(hop.url) === null ? '' : ' through the proxy of the mirror';
    if (causeChain(error).some((each) => each instanceof errors.HeadersTimeoutError))
      return `no answer${way} within ${this.#answerSeconds(hop)} s`;
    const what =
      error instanceof ConnectError ? error.message : `the connection${way} broke before the answer`;
    const cause = roughCause(error);
    return cause === null ? what : `${what} (${cause})`;
  }

  #agent({ url, method, privateAddresses }: HopRequest): Agent {
    const key = `${method} ${privateAddresses} ${this.#proxyFor(url) !== null}`;
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const agent = new Agent({
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: 4000,
      keepAliveMaxTimeout: 30_000,
      connect: connectorOf((target) => this.#connect(target, this.#connectorOptions(privateAddresses))),
    });
    this.#agents.set(key, agent);
    return agent;
  }

  #connect(url: URL, options: GuardedConnectorOptions): Promise<Socket> {
    const proxy = this.#proxyFor(url);
    return proxy === null ? openGuardedConnection(url, options) : openProxiedConnection(url, proxy, options);
  }

  #connectorOptions(privateAddresses: boolean): GuardedConnectorOptions {
    const { connectSeconds, resolver } = this.#options;
    return {
      privateAddresses,
      connectMs: connectSeconds * 1000,
      resolver,
      secureContext: this.#secureContext,
      signal: this.#closed.signal,
    };
  }
}

/**
 * An answer that undici refuses and Node's lenient parser may take. undici names a 100 that it did not ask for a bad
 * response, and reports a repeated Content-Length as a body of another length.
 */
function isUnusualAnswer(error: unknown): boolean {
  return (
    error instanceof errors.HTTPParserError ||
    error instanceof errors.ResponseContentLengthMismatchError ||
    (error instanceof errors.SocketError && /^bad (?:response|upgrade)$/.test(error.message))
  );
}

/** A body that ends early is no unusual one, although the parser reports it as well. */
function isUnusualBody(error: unknown): boolean {
  return error instanceof errors.HTTPParserError && !/\bEOF\b/i.test(error.message);
}

function isBrokenConnection(error: unknown): boolean {
  if (error instanceof errors.SocketError) return true;
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

function ignore(): void {
  // Whoever reads the body gets the error from the read.
}
