/**
 * Opens origin URLs that strangers name. Every address is checked against the source policy before it is requested,
 * on each redirect hop again; every connection is made to an address that the guard let pass.
 *
 * Both methods may be called concurrently. Both reject with an {@link OriginError}, or with the signal's reason once
 * `signal` is aborted. Neither sends credentials, cookies or a referrer.
 */
export interface Origin extends AsyncDisposable {
  /**
   * Asks whether the object can be copied, without its bytes: HEAD along the redirects. Only a plain success is believed
   * of a HEAD. Whatever else it comes to (an error, a redirect that leads nowhere, no answer within a few seconds, an
   * answer that is not to be shared) is confirmed by a GET of the first byte, which alone decides then: servers treat
   * HEAD as they like. Exceptions, where the GET could tell nothing new or is not wanted: 429 and 503 with a
   * `Retry-After`, an object that is too large, an origin that cannot be connected to.
   * Rejects where {@link open} would reject for the same answer.
   */
  inspect(url: URL, options?: OriginCallOptions): Promise<OriginDescription>;

  /**
   * GET along the redirects with `Accept-Encoding: identity`. Resolves when the headers of a final 200, 203 or 206 of
   * the whole object are there, and the answer may be shared between clients. The caller reads `body` to its end or
   * disposes of the object.
   */
  open(url: URL, options?: OriginOpenOptions): Promise<OriginObject>;
}

export interface OriginCallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface OriginOpenOptions extends OriginCallOptions {
  /**
   * SHA-256 of the bytes with which a {@link GuessedDigestError} was thrown, in lower-case hex. Where the same bytes come
   * again, the guess was none, and they are taken without it.
   */
  readonly guessFailedWith?: string | undefined;
}

export interface OriginDescription {
  /** Final address, after redirects. May carry a signature: never log or store its query. */
  readonly finalUrl: URL;
  /** Redirects followed. */
  readonly hops: number;
  /** From Content-Length (of a ranged answer: the complete length); `null` where the origin does not say. */
  readonly sizeBytes: number | null;
  readonly etag: string | null;
  readonly lastModified: string | null;
  readonly contentType: string | null;
  readonly contentEncoding: string | null;
  readonly contentDisposition: string | null;
  readonly contentLanguage: string | null;
  /**
   * What its owner said of the object where the origin is a store: `x-amz-meta-*` and `x-goog-meta-*`, by the part of
   * the name that follows, values as received.
   */
  readonly userMetadata?: Readonly<Record<string, string>>;
}

/** Each `null` where the origin does not say. */
export interface OriginCaching {
  readonly cacheControl: string | null;
  readonly expires: string | null;
}

export interface OriginObject extends OriginDescription, AsyncDisposable {
  /**
   * The bytes exactly as received, never decoded. May be iterated once. Continues by itself after a broken connection
   * where the origin offers ranges and a strong validator. Ends normally only when all that the origin claims about the
   * bytes holds: the length, and every digest it gave. Throws an {@link OriginError} otherwise, at the end at latest.
   * A chunk is the reader's until it asks for the next one, which frees the memory: what is to be kept is copied.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** How long the origin lets caches keep the object; `null` unless the rule of the URL asked for keeps that. */
  readonly caching?: OriginCaching | null;
  /** Whether the origin gave a digest of the bytes, so that `body` ends normally only for the right ones. */
  readonly hasDigest: boolean;
  /** SHA-256 of the bytes, in lower-case hex; known when `body` has ended, `null` before. */
  readonly sha256: () => string | null;
}

export type OriginErrorCode =
  | 'origin_status' // answered with an error (4xx, 5xx); `status` says which
  | 'origin_refused' // answered 401, 403 or 429, and its rule says `onRefusal: origin`
  | 'cookie_required' // a redirect set a cookie, and what followed was a refusal or led nowhere
  | 'not_copyable' // a success, or redirection, without the whole object: 204, a part, 300 ...
  | 'not_shareable' // the answer is for one client or kind of client only: Vary, Cache-Control, Set-Cookie
  | 'origin_unreachable' // name, connection, TLS, time limit before the headers
  | 'origin_redirects' // a circle, too many, or one without a usable Location
  | 'origin_interrupted' // broke off, stalled or dripped in the body, and could not be continued
  | 'origin_mismatch' // length or a digest is not what the origin said, or no proof of the body's end
  | 'too_large' // larger than sources.maxObjectBytes
  | 'not_allowed'; // the source policy or the address guard refuses it

/** Every failure of an Origin. `retryable` tells whether the same call may succeed later. */
export class OriginError extends Error {
  override readonly name = 'OriginError';
  readonly code: OriginErrorCode;
  readonly retryable: boolean;
  /** The origin's final status, where `code` is `origin_status`. */
  readonly status: number | null;
  /** The host that gave `status` (for a 401's realm), or that failed. */
  readonly host: string | null;
  /** Retry-After of a 429 or 503, above 0 and at most an hour; `null` where it asked for no pause. */
  readonly retryAfterSeconds: number | null;

  constructor(
    code: OriginErrorCode,
    message: string,
    options: {
      readonly cause?: unknown;
      readonly retryable?: boolean;
      readonly status?: number;
      readonly host?: string;
      readonly retryAfterSeconds?: number | null;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.status = options.status ?? null;
    this.host = options.host ?? null;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
    this.retryable = options.retryable ?? retryableByDefault(code, this.status);
  }
}

/** 408, 425 and 429 ask for another try (RFC 9110, 8470, 6585). */
export function isRetryableStatus(status: number): boolean {
  return status >= 500 || [408, 425, 429].includes(status);
}

/**
 * `origin_mismatch`: the bytes are not those of a digest that the origin only seems to give (an ETag that looks like an
 * MD5). Either they were damaged on the way or it is no digest; another try with `guessFailedWith` tells.
 */
export class GuessedDigestError extends OriginError {
  /** The header field that was taken for a digest. */
  readonly field: string;
  /** Of the bytes that came, in lower-case hex. */
  readonly sha256: string;

  constructor(message: string, details: { field: string; sha256: string; host: string }) {
    super('origin_mismatch', message, { host: details.host });
    this.field = details.field;
    this.sha256 = details.sha256;
  }
}

function retryableByDefault(code: OriginErrorCode, status: number | null): boolean {
  switch (code) {
    case 'origin_unreachable':
    case 'origin_interrupted':
    case 'origin_mismatch':
      return true;
    case 'origin_status':
      return status !== null && isRetryableStatus(status);
    case 'origin_refused':
    case 'cookie_required':
    case 'not_copyable':
    case 'not_shareable':
    case 'origin_redirects':
    case 'too_large':
    case 'not_allowed':
      return false;
  }
}

/** What may be mirrored. Decides on parsed URLs only, without any I/O. */
export interface SourcePolicy {
  /**
   * @returns the rule that allows `url`, or why none does (a sentence for the client, without the URL's query)
   * `hop` is true for the target of a redirect: such a target may carry a signed query whatever the rule says.
   */
  decide(url: URL, options?: { hop?: boolean }): SourceDecision;
}

export type SourceDecision =
  | { readonly allowed: true; readonly privateAddresses: boolean; readonly options: SourceOptions }
  | { readonly allowed: false; readonly reason: string };

/** How the objects of a rule are treated. The rule of the URL asked for decides, not that of a redirect's target. */
export interface SourceOptions {
  /** What the origin's 401, 403 and 429 become: passed on to the client, or a redirect to the origin. */
  readonly onRefusal: 'pass' | 'origin';
  /** An answer with `Vary` is mirrored as if every client got it. */
  readonly ignoreVary: boolean;
  /** An answer with `Cache-Control: private` or `no-store`, or with `Set-Cookie`, is mirrored all the same. */
  readonly ignoreCacheControl: boolean;
  /** The origin's `Cache-Control` and `Expires` are stored with the copy. */
  readonly keepCacheControl: boolean;
}

/** Options of a rule that gives none. */
export const DEFAULT_SOURCE_OPTIONS: SourceOptions = {
  onRefusal: 'pass',
  ignoreVary: false,
  ignoreCacheControl: false,
  keepCacheControl: false,
};
