import type { Readable } from 'node:stream';
import { Agent, errors } from 'undici';
import type { CallLifetime } from './call-lifetime.ts';
import { AddressRefusedError, ConnectError, guardedConnector, type Resolver } from './guarded-connector.ts';
import { hostForClients } from './log-form.ts';
import { OriginError } from './origin.ts';
import { ResponseHeaders } from './response-headers.ts';

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
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
}

const MAX_HEADER_BYTES = 32 * 1024;
const DISCARD_BYTES = 16 * 1024;
const DISCARD_MS = 2000;

/** Sends one request and gives its answer, whatever the status: no redirects, no decoding, no credentials. */
export class HopRequester implements AsyncDisposable {
  readonly #options: HopRequesterOptions;
  readonly #closed = new AbortController();
  // One pool for each permission: a connection that a rule with privateAddresses opened is never used for another's URL.
  // And one for each method: where a server sends a body with the answer to a HEAD, what follows on that connection
  // may be read out of it. That must not become an object's bytes.
  readonly #publicAgents: Readonly<Record<HopRequest['method'], Agent>>;
  readonly #privateAgents: Readonly<Record<HopRequest['method'], Agent>>;

  constructor(options: HopRequesterOptions) {
    this.#options = options;
    this.#publicAgents = { GET: this.#agent(false), HEAD: this.#agent(false) };
    this.#privateAgents = { GET: this.#agent(true), HEAD: this.#agent(true) };
  }

  /** Aborted when this is disposed of. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** @throws {OriginError} `not_allowed` from the address guard, `origin_unreachable`; the caller's reason when aborted */
  async request(hop: HopRequest): Promise<HopResponse> {
    try {
      return await this.#send(hop);
    } catch (error) {
      // An idle connection that the server closes at the same moment breaks the request which was to reuse it.
      if (!isBrokenConnection(error) || hop.lifetime.signal.aborted) throw this.#failure(error, hop);
    }
    try {
      return await this.#send(hop);
    } catch (error) {
      throw this.#failure(error, hop);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('closed'));
    const agents = [this.#publicAgents, this.#privateAgents].flatMap(({ GET, HEAD }) => [GET, HEAD]);
    await Promise.all(agents.map((agent) => agent.destroy()));
  }

  async #send(hop: HopRequest): Promise<HopResponse> {
    const { connectSeconds } = this.#options;
    const answerSeconds = this.#answerSeconds(hop);
    // The parser's own limit starts anew with each interim response; this one does not.
    const limit = new AbortController();
    const timer = setTimeout(
      () => {
        limit.abort(new errors.HeadersTimeoutError());
      },
      (connectSeconds + answerSeconds) * 1000,
    );
    try {
      const agents = hop.privateAddresses ? this.#privateAgents : this.#publicAgents;
      const response = await agents[hop.method].request({
        origin: hop.url.origin,
        path: `${hop.url.pathname}${hop.url.search}`,
        method: hop.method,
        headers: {
          accept: '*/*',
          'accept-encoding': 'identity',
          'user-agent': this.#options.userAgent,
          ...hop.headers,
        },
        headersTimeout: answerSeconds * 1000,
        bodyTimeout: 0,
        // By itself undici closes the connection after a HEAD: a handshake for each first request.
        ...(hop.method === 'HEAD' && { reset: false }),
        signal: AbortSignal.any([hop.lifetime.signal, limit.signal]),
      });
      const { body } = response;
      body.on('error', ignore);
      return {
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
      };
    } finally {
      clearTimeout(timer);
    }
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
    return new OriginError(
      'origin_unreachable',
      `${name} cannot be reached: ${this.#reason(error, hop)}`,
      context,
    );
  }

  #reason(error: unknown, hop: HopRequest): string {
    if (error instanceof ConnectError) return error.message;
    if (error instanceof errors.HeadersTimeoutError) return `no answer within ${this.#answerSeconds(hop)} s`;
    if (error instanceof errors.HTTPParserError) return 'the answer is not HTTP/1.1';
    if (error instanceof errors.HeadersOverflowError) return 'the headers of the answer are too large';
    return 'the connection broke before the answer';
  }

  #agent(privateAddresses: boolean): Agent {
    const { connectSeconds, resolver, ca } = this.#options;
    return new Agent({
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: 4000,
      keepAliveMaxTimeout: 30_000,
      connect: guardedConnector({
        privateAddresses,
        connectMs: connectSeconds * 1000,
        resolver,
        ca,
        signal: this.#closed.signal,
      }),
    });
  }
}

function isBrokenConnection(error: unknown): boolean {
  if (error instanceof errors.SocketError) return true;
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

function ignore(): void {
  // Watched, and of no consequence: who reads the body learns of it there.
}
