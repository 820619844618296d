import { judgeFirstByte, judgeHead, judgeWhole, type CopyableAnswer } from './answer-verdict.ts';
import { CallLifetime } from './call-lifetime.ts';
import { describeCaching, describeHeaders } from './described-headers.ts';
import { AddressRefusedError, ConnectError, type Resolver } from './guarded-connector.ts';
import { HopRequester } from './hop-requester.ts';
import { hostForClients } from './log-form.ts';
import { OriginBody, type OriginBodyOptions } from './origin-body.ts';
import {
  OriginError,
  type Origin,
  type OriginCallOptions,
  type OriginDescription,
  type OriginObject,
  type OriginOpenOptions,
  type SourceOptions,
  type SourcePolicy,
} from './origin.ts';
import type { ProxySettings } from './proxy-choice.ts';
import { RedirectFollower, type FollowedResponse } from './redirect-follower.ts';
import { signedQueryParameter } from './signed-query.ts';

export interface HttpOriginOptions {
  /** Judges every URL before it is requested, redirect targets too. */
  readonly policy: SourcePolicy;
  /** Redirects followed; one more is an `origin_redirects` error. */
  readonly redirectLimit: number;
  /** Larger objects are `too_large`, by their announced or by their real length. */
  readonly maxObjectBytes: number;
  readonly timeouts: OriginTimeouts;
  readonly userAgent: string;
  /** `getaddrinfo` by default. */
  readonly resolver?: Resolver | undefined;
  /** Certificate authorities (PEM) to trust in place of the bundled ones. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Every origin is asked directly where it is left out. */
  readonly proxy?: ProxySettings | undefined;
}

export interface OriginTimeouts {
  /** For name, connection and TLS handshake together. */
  readonly connectSeconds: number;
  /** From the request to the end of the headers, at each redirect. */
  readonly firstByteSeconds: number;
  /** For one call from its beginning to the end of the body. */
  readonly totalSeconds: number;
  /** Below it for {@link RATE_WINDOW_SECONDS}, or for firstByteSeconds where that is shorter, the body is broken off. */
  readonly minimumBytesPerSecond: number;
}

export const RATE_WINDOW_SECONDS = 10;

/**
 * How long a HEAD may stay without an answer, in seconds at each redirect. Some servers never answer one; a client that
 * waits for the copy has to have time left for the GET that follows.
 */
const HEAD_ANSWER_SECONDS = 3;

/** Statuses that an expired signature of a redirect's target gives. */
const EXPIRED: ReadonlySet<number> = new Set([400, 401, 403, 404, 410]);

/** Origins over HTTP/1.1, each connection guarded; see {@link Origin} for the contract. */
export class HttpOrigin implements Origin {
  readonly #options: HttpOriginOptions;
  readonly #requester: HopRequester;
  readonly #follower: RedirectFollower;

  constructor(options: HttpOriginOptions) {
    this.#options = options;
    this.#requester = new HopRequester({ ...options, ...options.timeouts });
    this.#follower = new RedirectFollower({ ...options, requester: this.#requester });
  }

  async inspect(url: URL, options: OriginCallOptions = {}): Promise<OriginDescription> {
    using lifetime = this.#lifetime(options);
    const rule = this.#ruleOf(url);
    try {
      return await this.#inspectByHead(url, rule, lifetime);
    } catch (error) {
      if (lifetime.signal.aborted || !isWorthAGet(error)) throw error;
    }
    return await this.#inspectByFirstByte(url, rule, lifetime);
  }

  async open(url: URL, options: OriginOpenOptions = {}): Promise<OriginObject> {
    const lifetime = this.#lifetime(options);
    try {
      const rule = this.#ruleOf(url);
      const first = await this.#follower.follow(url, { method: 'GET', lifetime });
      return this.#object(url, rule, first, { lifetime, guessFailedWith: options.guessFailedWith });
    } catch (error) {
      lifetime[Symbol.dispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#requester[Symbol.asyncDispose]();
  }

  async #inspectByHead(url: URL, rule: SourceOptions, lifetime: CallLifetime): Promise<OriginDescription> {
    const head = await this.#follower.follow(url, {
      method: 'HEAD',
      lifetime,
      answerSeconds: HEAD_ANSWER_SECONDS,
    });
    head.discard();
    return this.#describe(head, judgeHead(head, rule));
  }

  async #inspectByFirstByte(
    url: URL,
    rule: SourceOptions,
    lifetime: CallLifetime,
  ): Promise<OriginDescription> {
    const answer = await this.#follower.follow(url, {
      method: 'GET',
      headers: { range: 'bytes=0-0' },
      lifetime,
    });
    answer.discard();
    return this.#describe(answer, judgeFirstByte(answer, rule));
  }

  #object(
    url: URL,
    rule: SourceOptions,
    first: FollowedResponse,
    { lifetime, guessFailedWith }: Pick<OriginBodyOptions, 'lifetime' | 'guessFailedWith'>,
  ): OriginObject {
    try {
      const { sizeBytes } = judgeWhole(first, rule);
      const body = new OriginBody(first, {
        lifetime,
        sizeBytes,
        guessFailedWith,
        maxObjectBytes: this.#options.maxObjectBytes,
        pace: this.#pace(),
        requestRest: (from, validator) => this.#requestRest(url, first, from, validator, lifetime),
      });
      return {
        ...this.#describe(first, { sizeBytes }),
        body,
        caching: rule.keepCacheControl ? describeCaching(first.headers) : null,
        hasDigest: body.hasDigest,
        sha256: () => body.sha256,
        [Symbol.asyncDispose]: () => body[Symbol.asyncDispose](),
      };
    } catch (error) {
      first.discard();
      throw error;
    }
  }

  /** What the rule of the URL asked for says; the rules of redirect targets only allow or refuse them. */
  #ruleOf(url: URL): SourceOptions {
    const decision = this.#options.policy.decide(url);
    if (!decision.allowed) throw new OriginError('not_allowed', decision.reason, { host: url.host });
    return decision.options;
  }

  /**
   * From the final address; along the redirects again where the signature that one of them gave has expired. A validator
   * speaks for one resource (RFC 9110, 8.8), so an answer of another resource is none.
   */
  async #requestRest(
    url: URL,
    first: FollowedResponse,
    from: number,
    validator: string,
    lifetime: CallLifetime,
  ): Promise<FollowedResponse> {
    const request = {
      method: 'GET',
      headers: { range: `bytes=${from}-`, 'if-range': validator },
      lifetime,
    } as const;
    const rest = await this.#follower.follow(first.finalUrl, { ...request, hopsBefore: first.hops });
    if (first.hops === 0 || !EXPIRED.has(rest.status)) return sameResource(rest, first.finalUrl);
    rest.discard();
    return sameResource(await this.#follower.follow(url, request), first.finalUrl);
  }

  #describe(answer: FollowedResponse, { sizeBytes }: CopyableAnswer): OriginDescription {
    const { headers, finalUrl, hops } = answer;
    const { maxObjectBytes } = this.#options;
    if (sizeBytes !== null && sizeBytes > maxObjectBytes)
      throw new OriginError(
        'too_large',
        `the object is larger than the ${maxObjectBytes} bytes that are mirrored`,
        {
          host: finalUrl.host,
        },
      );
    return {
      finalUrl,
      hops,
      sizeBytes,
      ...describeHeaders(headers),
    };
  }

  #lifetime({ signal }: OriginCallOptions): CallLifetime {
    signal?.throwIfAborted();
    return new CallLifetime(this.#options.timeouts.totalSeconds, this.#requester.closed, signal);
  }

  #pace(): { minimumBytesPerSecond: number; windowMs: number } {
    const { firstByteSeconds, minimumBytesPerSecond } = this.#options.timeouts;
    return { minimumBytesPerSecond, windowMs: Math.min(RATE_WINDOW_SECONDS, firstByteSeconds) * 1000 };
  }
}

/** @throws {OriginError} `origin_interrupted` where `rest` comes from another resource than `finalUrl` */
function sameResource(rest: FollowedResponse, finalUrl: URL): FollowedResponse {
  if (isSameResource(rest.finalUrl, finalUrl)) return rest;
  rest.discard();
  throw new OriginError(
    'origin_interrupted',
    `${hostForClients(finalUrl)}: the connection broke in the body, and the origin redirects to another place now`,
    { host: finalUrl.host },
  );
}

/** The same place with another signature is the same resource; any other query is part of the resource's name. */
function isSameResource(one: URL, other: URL): boolean {
  if (one.origin !== other.origin || one.pathname !== other.pathname) return false;
  const isSigned = (url: URL): boolean => signedQueryParameter(url) !== null;
  return one.search === other.search || (isSigned(one) && isSigned(other));
}

/**
 * Whether a GET may come to another end than the HEAD that ended with `error`. Not where no connection came about, which
 * has nothing to do with the method, and not where the origin said when it wants to be asked again.
 */
function isWorthAGet(error: unknown): boolean {
  if (!(error instanceof OriginError) || error.code === 'too_large') return false;
  return error.retryAfterSeconds === null && !isWithoutConnection(error.cause);
}

function isWithoutConnection(cause: unknown): boolean {
  for (let error = cause; error instanceof Error; error = error.cause)
    if (error instanceof ConnectError || error instanceof AddressRefusedError) return true;
  return false;
}
