/**
 * Opens origin URLs that strangers name. Every address is checked against the source policy before it is requested,
 * on each redirect hop again; every connection is made to an address that the guard let pass.
 *
 * Both methods may be called concurrently. Both reject with an {@link OriginError}, or with the signal's reason once
 * `signal` is aborted. Neither sends credentials, cookies or a referrer.
 */
export interface Origin extends AsyncDisposable {
  /**
   * Asks for the headers only: HEAD along the redirects. An origin that refuses HEAD with 403, 405 or 501 (signed GET
   * addresses do) is asked by a GET of its first byte instead.
   * Resolves for a final 200 (or the 206 of that one byte); every other final status is an `origin_status` error.
   */
  inspect(url: URL, options?: OriginCallOptions): Promise<OriginDescription>;

  /**
   * GET along the redirects with `Accept-Encoding: identity`. Resolves when a final 200's headers are there; every
   * other status is an `origin_status` error. The caller reads `body` to its end or disposes of the object.
   */
  open(url: URL, options?: OriginCallOptions): Promise<OriginObject>;
}

export interface OriginCallOptions {
  readonly signal?: AbortSignal | undefined;
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
  | 'origin_status' // answered with another status than 200; `status` says which
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

  constructor(
    code: OriginErrorCode,
    message: string,
    options: { cause?: unknown; retryable?: boolean; status?: number; host?: string } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.status = options.status ?? null;
    this.host = options.host ?? null;
    this.retryable = options.retryable ?? retryableByDefault(code, this.status);
  }
}

function retryableByDefault(code: OriginErrorCode, status: number | null): boolean {
  switch (code) {
    case 'origin_unreachable':
    case 'origin_interrupted':
    case 'origin_mismatch':
      return true;
    case 'origin_status':
      // 408, 425 and 429 ask for another try (RFC 9110, 8470, 6585).
      return status !== null && (status >= 500 || [408, 425, 429].includes(status));
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
