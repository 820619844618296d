import { NameLookup } from '@cloud-mirror/name-lookup';
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
import type { PerOriginLimits } from './per-origin-limits.ts';
import type { ProxySettings } from './proxy-choice.ts';
import { RedirectFollower, type FollowedResponse } from './redirect-follower.ts';
import { signatureInQuery } from './signed-query.ts';

export interface HttpOriginOptions {
  /** Checks every URL before it is requested, redirect targets too. */
  readonly policy: SourcePolicy;
  /** Number of redirects that are followed; one more is an `origin_redirects` error. */
  readonly redirectLimit: number;
  /** Larger objects are `too_large`, by the length that the origin states or by the bytes received. */
  readonly maxObjectBytes: number;
  readonly timeouts: OriginTimeouts;
  readonly userAgent: string;
  /** By default, a {@link NameLookup} of its own. */
  readonly resolver?: Resolver | undefined;
  /** Certificate authorities (PEM) to trust in place of the bundled ones. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Without it, every origin is reached directly. */
  readonly proxy?: ProxySettings | undefined;
  /** {@link DEFAULT_PER_ORIGIN} by default. */
  readonly perOrigin?: PerOriginLimits | undefined;
  /** Called with each target of a redirect before it is requested. Its query may be a signature, which must not be logged. */
  readonly onRedirect?: ((target: URL) => void) | undefined;
}

export interface OriginTimeouts {
  /** For DNS, TCP connection and TLS handshake together. */
  readonly connectSeconds: number;
  /** From the request to the end of the headers; starts anew at each redirect. */
  readonly firstByteSeconds: number;
  /** For one call, from its beginning to the end of the body. */
  readonly totalSeconds: number;
  /** A body that is slower over {@link RATE_WINDOW_SECONDS} (or firstByteSeconds, if shorter) is aborted. */
  readonly minimumBytesPerSecond: number;
}

export const RATE_WINDOW_SECONDS = 10;

/**
 * Time limit for the answer to a HEAD, in seconds at each redirect. Some servers never answer a HEAD, and a client that
 * waits for the copy needs time left for the GET that follows.
 */
const HEAD_ANSWER_SECONDS = 3;

/** Statuses with which servers answer when the signature in a redirect's target has expired. */
const EXPIRED: ReadonlySet<number> = new Set([400, 401, 403, 404, 410]);

/** An {@link Origin} over HTTP/1.1 that connects only to addresses that the address guard allows. */
export class HttpOrigin implements Origin {
  readonly #options: HttpOriginOptions;
  readonly #requester: HopRequester;
  readonly #follower: RedirectFollower;
  /** Unused if the options have a resolver. */
  readonly #names = new NameLookup();

  constructor(options: HttpOriginOptions) {
    this.#options = options;
    const resolver = options.resolver ?? ((host: string) => this.#names.addressesOf(host));
    this.#requester = new HopRequester({ ...options, ...options.timeouts, resolver });
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
    this.#names[Symbol.dispose]();
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
        requestRemainder: (from, validator) => this.#requestRemainder(url, first, from, validator, lifetime),
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

  /** Options of the requested URL's rule. The rules of redirect targets only allow or refuse them. */
  #ruleOf(url: URL): SourceOptions {
    const decision = this.#options.policy.decide(url);
    if (!decision.allowed) throw new OriginError('not_allowed', decision.reason, { host: url.host });
    return decision.options;
  }

  /**
   * Requests the bytes from `from` on at the final address. If its signature has expired, follows the redirects again
   * from `url`. A validator identifies a version of one resource (RFC 9110, 8.8), so another resource is refused.
   */
  async #requestRemainder(
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
    const remainder = await this.#follower.follow(first.finalUrl, { ...request, hopsBefore: first.hops });
    if (first.hops === 0 || !EXPIRED.has(remainder.status))
      return requireSameResource(remainder, first.finalUrl);
    remainder.discard();
    return requireSameResource(await this.#follower.follow(url, request), first.finalUrl);
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

  #lifetime(options: OriginCallOptions): CallLifetime {
    options.signal?.throwIfAborted();
    const { totalSeconds } = this.#options.timeouts;
    return new CallLifetime({ ...options, totalSeconds, closed: this.#requester.closed });
  }

  #pace(): { minimumBytesPerSecond: number; windowMs: number } {
    const { firstByteSeconds, minimumBytesPerSecond } = this.#options.timeouts;
    return { minimumBytesPerSecond, windowMs: Math.min(RATE_WINDOW_SECONDS, firstByteSeconds) * 1000 };
  }
}

/** @throws {OriginError} `origin_interrupted` if `remainder` comes from a different resource than `finalUrl` */
function requireSameResource(remainder: FollowedResponse, finalUrl: URL): FollowedResponse {
  if (isSameResource(remainder.finalUrl, finalUrl)) return remainder;
  remainder.discard();
  throw new OriginError(
    'origin_interrupted',
    `${hostForClients(finalUrl)}: the connection broke in the body, and the origin now redirects elsewhere`,
    { host: finalUrl.host },
  );
}

/** Two URLs that differ only in their signatures are one resource. Any other query is part of the resource's name. */
function isSameResource(one: URL, other: URL): boolean {
  if (one.origin !== other.origin || one.pathname !== other.pathname) return false;
  const isSigned = (url: URL): boolean => signatureInQuery(url) !== null;
  return one.search === other.search || (isSigned(one) && isSigned(other));
}

/**
 * Whether a GET may succeed after a HEAD failed with `error`. It cannot if no connection could be made, because that
 * does not depend on the method. It must not be sent if the origin asked for a pause by Retry-After, or is busy already.
 */
function isWorthAGet(error: unknown): boolean {
  if (!(error instanceof OriginError) || error.code === 'too_large' || error.code === 'origin_busy')
    return false;
  return error.retryAfterSeconds === null && !isWithoutConnection(error.cause);
}

function isWithoutConnection(cause: unknown): boolean {
  for (let error = cause; error instanceof Error; error = error.cause)
    if (error instanceof ConnectError || error instanceof AddressRefusedError) return true;
  return false;
}
