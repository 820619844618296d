/**
 * Fetches origin URLs that come from untrusted clients. Every URL, and every redirect target, is checked against the
 * source policy before it is requested. Every connection goes to an address that the address guard allows.
 *
 * Both methods may be called concurrently. Both reject with an {@link OriginError}, or with the signal's reason once
 * `signal` is aborted. Neither sends credentials, cookies or a referrer.
 */
export interface Origin extends AsyncDisposable {
  /**
   * Finds out whether the object can be copied, without downloading it: sends a HEAD and follows redirects. Many
   * servers implement HEAD badly, so only a plain success of it is trusted. After any other result (an error status, a
   * broken redirect, no answer within a few seconds, an answer that must not be shared) a GET of the first byte
   * decides. No GET follows where it could not change the result or is not wanted: after a 429 or 503 with a
   * `Retry-After`, for an object that is too large, and when no connection can be made.
   * Rejects whenever {@link open} would reject the same answer.
   */
  inspect(url: URL, options?: OriginCallOptions): Promise<OriginDescription>;

  /**
   * Sends a GET with `Accept-Encoding: identity` and follows redirects. Resolves on the headers of a final 200, 203 or
   * 206 that carries the whole object and may be shared between clients. The caller must read `body` to its end or
   * dispose of the object.
   */
  open(url: URL, options?: OriginOpenOptions): Promise<OriginObject>;
}

export interface OriginCallOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Names the client for whom the call is made, so that one client cannot use up all connections to an origin. Without
   * it, the call is the mirror's own work, which has no share.
   */
  readonly client?: string | undefined;
  /**
   * True: rejects with `origin_busy` rather than wait for seconds until `sources.perOrigin` allows a request. Otherwise the
   * call waits as long as it may take.
   */
  readonly impatient?: boolean | undefined;
}

export interface OriginOpenOptions extends OriginCallOptions {
  /**
   * `sha256` of an earlier {@link GuessedDigestError} for this URL, in lower-case hex. If the same bytes arrive again,
   * the guessed digest was wrong and is ignored.
   */
  readonly guessFailedWith?: string | undefined;
}

export interface OriginDescription {
  /** Final address, after redirects. May carry a signature: never log or store its query. */
  readonly finalUrl: URL;
  /** Redirects followed. */
  readonly hops: number;
  /** From Content-Length, or the complete length in a Content-Range; `null` if the origin does not state it. */
  readonly sizeBytes: number | null;
  readonly etag: string | null;
  readonly lastModified: string | null;
  readonly contentType: string | null;
  readonly contentEncoding: string | null;
  readonly contentDisposition: string | null;
  readonly contentLanguage: string | null;
  /**
   * User metadata of an object in a store: the `x-amz-meta-*` and `x-goog-meta-*` headers. Keys are the names without
   * that prefix; values are as received.
   */
  readonly userMetadata?: Readonly<Record<string, string>>;
}

/** Header values; each is `null` if the origin does not send it. */
export interface OriginCaching {
  readonly cacheControl: string | null;
  readonly expires: string | null;
}

export interface OriginObject extends OriginDescription, AsyncDisposable {
  /**
   * The bytes exactly as received, never decoded. May be iterated once. Resumes after a broken connection if the origin
   * supports ranges and sent a strong validator. Ends normally only if the bytes have the length and every digest that
   * the origin stated; otherwise throws an {@link OriginError}, at the latest at the end.
   * A chunk is valid until the next one is requested, which frees its memory: a reader that keeps bytes must copy them.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** The origin's caching headers; `null` unless the rule of the requested URL has `keepCacheControl`. */
  readonly caching?: OriginCaching | null;
  /** Whether the origin sent a digest of the bytes, so that `body` ends normally only if they match it. */
  readonly hasDigest: boolean;
  /** SHA-256 of the bytes, in lower-case hex; `null` until `body` has ended. */
  readonly sha256: () => string | null;
}

export type OriginErrorCode =
  | 'origin_status' // answered with an error (4xx, 5xx), which `status` holds
  | 'origin_refused' // answered 401, 403 or 429, and its rule says `onRefusal: origin`
  | 'cookie_required' // a redirect set a cookie, and the next answer was a refusal or a broken redirect
  | 'not_copyable' // a 2xx or 3xx without the whole object: 204, a partial 206, 300 ...
  | 'not_shareable' // the answer is for one client or kind of client only: Vary, Cache-Control, Set-Cookie
  | 'origin_unreachable' // no headers: the name, the connection, TLS or a time limit failed
  | 'origin_busy' // this process already uses the host as much as sources.perOrigin allows; nothing was sent
  | 'origin_redirects' // a redirect loop, too many redirects, or one without a usable Location
  | 'origin_interrupted' // the body broke off, stalled or was too slow, and could not be resumed
  | 'origin_mismatch' // the length or a digest is not the stated one, or the body's end cannot be proved
  | 'too_large' // larger than sources.maxObjectBytes
  | 'not_allowed'; // the source policy or the address guard refuses it

/** Every failure of an Origin. `retryable`: the same call may succeed later. */
export class OriginError extends Error {
  override readonly name = 'OriginError';
  readonly code: OriginErrorCode;
  readonly retryable: boolean;
  /** The origin's final status, where `code` is `origin_status`. */
  readonly status: number | null;
  /** The host that answered with `status` (the realm of a 401), or that failed. */
  readonly host: string | null;
  /** Retry-After of a 429 or 503, above 0 and at most an hour; `null` if none was sent. */
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

/** 408, 425 and 429 invite another attempt (RFC 9110, 8470, 6585). */
export function isRetryableStatus(status: number): boolean {
  return status >= 500 || [408, 425, 429].includes(status);
}

/**
 * `origin_mismatch` of a guessed digest, such as an ETag that looks like an MD5. Either the bytes were damaged in
 * transit or the header is not a digest; another call with `guessFailedWith` decides which.
 */
export class GuessedDigestError extends OriginError {
  /** The header field that was taken for a digest. */
  readonly field: string;
  /** SHA-256 of the received bytes, in lower-case hex. */
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
    case 'origin_busy':
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

/** Decides which URLs may be mirrored. Works on parsed URLs only and does no I/O. */
export interface SourcePolicy {
  /**
   * @param options `hop` is true for a redirect target, which may have any query whatever the rule says
   * @returns the options of the rule that allows `url`, or the reason why none does: a sentence for the client, without
   *   the URL's query
   */
  decide(url: URL, options?: { hop?: boolean }): SourceDecision;

  /**
   * The URL that identifies the object of a request for `url`, whether it is allowed or not: `url` itself, or `url`
   * without its query if the rule that allows it has `query: ignore`.
   */
  identify(url: URL): URL;
}

export type SourceDecision =
  | {
      readonly allowed: true;
      /** See {@link SourcePolicy.identify}. The origin is asked for this URL. */
      readonly url: URL;
      readonly privateAddresses: boolean;
      /** Index of the rule that determines `options`. */
      readonly rule: number;
      readonly options: SourceOptions;
    }
  | { readonly allowed: false; readonly reason: string };

/** How the objects of a rule are treated. The rule of the requested URL applies, not those of redirect targets. */
export interface SourceOptions {
  /** An origin's 401, 403 or 429 is passed on to the client (`pass`) or becomes a redirect to the origin (`origin`). */
  readonly onRefusal: 'pass' | 'origin';
  /** Mirrors answers with `Vary` as if every client got the same one. */
  readonly ignoreVary: boolean;
  /** Mirrors answers with `Cache-Control: private` or `no-store`, or with `Set-Cookie`. */
  readonly ignoreCacheControl: boolean;
  /** Stores the origin's `Cache-Control` and `Expires` with the copy. */
  readonly keepCacheControl: boolean;
}

/** Defaults of a rule's options. */
export const DEFAULT_SOURCE_OPTIONS: SourceOptions = {
  onRefusal: 'pass',
  ignoreVary: false,
  ignoreCacheControl: false,
  keepCacheControl: false,
};
