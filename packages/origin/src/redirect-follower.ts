import type { CallLifetime } from './call-lifetime.ts';
import type { HopRequester, HopResponse } from './hop-requester.ts';
import { hostForClients } from './log-form.ts';
import { OriginUrlError, resolveLocation } from './normal-form.ts';
import { OriginError, type SourcePolicy } from './origin.ts';

export interface FollowRequest {
  readonly method: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  readonly lifetime: CallLifetime;
  /** Redirects already followed to get to the start URL; they count towards the limit. */
  readonly hopsBefore?: number;
  /** Time limit for the headers at each redirect; firstByteSeconds applies if that is shorter. */
  readonly answerSeconds?: number;
}

/** The first answer that is not a redirect. */
export interface FollowedResponse extends HopResponse {
  readonly finalUrl: URL;
  readonly hops: number;
  /** Whether a redirect set a cookie. The mirror sends no cookies, so the answer may differ from what browsers get. */
  readonly cookieSet: boolean;
}

export interface RedirectFollowerOptions {
  readonly policy: SourcePolicy;
  readonly requester: HopRequester;
  readonly redirectLimit: number;
  readonly onRedirect?: ((target: URL) => void) | undefined;
}

/** The statuses of RFC 9110, 15.4, that redirect a GET. 300, 304 and 305 count as final answers. */
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Longer than any signed URL, and short enough for the policy's patterns. */
const MAX_LOCATION_CHARACTERS = 8192;

/** Follows redirects. Checks each target against the source policy before sending anything to it. */
export class RedirectFollower {
  readonly #policy: SourcePolicy;
  readonly #requester: HopRequester;
  readonly #redirectLimit: number;
  readonly #onRedirect: (target: URL) => void;

  constructor(options: RedirectFollowerOptions) {
    this.#policy = options.policy;
    this.#requester = options.requester;
    this.#redirectLimit = options.redirectLimit;
    this.#onRedirect = options.onRedirect ?? (() => undefined);
  }

  /**
   * @throws {OriginError} `not_allowed`, `origin_unreachable`; `origin_redirects`, or instead `cookie_required` if a
   *   redirect set a cookie
   */
  async follow(start: URL, request: FollowRequest): Promise<FollowedResponse> {
    const visited = new Set<string>();
    let url = new URL(start);
    let cookieSet = false;
    for (let hops = request.hopsBefore ?? 0; ; hops += 1) {
      visited.add(url.href);
      const response = await this.#requester.request({
        url,
        method: request.method,
        headers: request.headers ?? {},
        answerSeconds: request.answerSeconds,
        privateAddresses: this.#allowsPrivateAddresses(url, hops > 0),
        lifetime: request.lifetime,
      });
      if (!REDIRECTS.has(response.status)) return { ...response, finalUrl: url, hops, cookieSet };
      response.discard();
      cookieSet ||= response.headers.all('set-cookie').length > 0;
      try {
        if (hops >= this.#redirectLimit)
          throw redirectError(url, `there are more than ${this.#redirectLimit} redirects`);
        const target = locationOf(response, url);
        this.#onRedirect(target);
        if (visited.has(target.href)) throw redirectError(url, 'it redirects in a circle');
        url = target;
      } catch (error) {
        throw cookieSet ? cookieError(url, error) : error;
      }
    }
  }

  /** @throws {OriginError} `not_allowed` */
  #allowsPrivateAddresses(url: URL, hop: boolean): boolean {
    const decision = this.#policy.decide(url, { hop });
    // Only a job that was sent under other rules, or not by a front end, has a URL that is not an identity.
    if (decision.allowed && decision.url.href !== url.href)
      throw new OriginError('not_allowed', 'the source ignores queries, and this URL has one', {
        host: url.host,
      });
    if (decision.allowed) return decision.privateAddresses;
    const reason = hop
      ? `the origin redirects to a URL that is not allowed: ${decision.reason}`
      : decision.reason;
    throw new OriginError('not_allowed', reason, { host: url.host });
  }
}

function locationOf(response: HopResponse, base: URL): URL {
  const [location, ...others] = response.headers.all('location');
  if (location === undefined || others.some((other) => other !== location))
    throw redirectError(base, `its ${response.status} has no usable Location`);
  if (location.length > MAX_LOCATION_CHARACTERS) throw redirectError(base, 'its Location is too long');
  try {
    return resolveLocation(location, base);
  } catch (error) {
    if (!(error instanceof OriginUrlError)) throw error;
    throw redirectError(base, `its ${response.status} has no usable Location`, error);
  }
}

function cookieError(url: URL, cause: unknown): OriginError {
  const host = hostForClients(url);
  const message = `the redirects of ${host} set a cookie, which the mirror does not send, and cannot be followed without it`;
  return new OriginError('cookie_required', message, { cause, host: url.host });
}

function redirectError(url: URL, what: string, cause?: unknown): OriginError {
  return new OriginError(
    'origin_redirects',
    `the redirects of ${hostForClients(url)} cannot be followed: ${what}`,
    {
      cause,
      host: url.host,
    },
  );
}
