import type { IncomingHttpHeaders } from 'node:http';
import type { ObjectHead } from './head-object.ts';
import { plainRequest } from './plain-request.ts';
import { SignedAddresses } from './s3-address.ts';
import type { S3Calls } from './s3-calls.ts';
import type { SdkBypass } from './sdk-bypass.ts';

/** As long as S3 takes a request that is signed in its headers, in seconds. */
const SIGNED_SECONDS = 900;
/** Difference of clocks, in milliseconds, from which the SDK corrects its own. */
const SKEW_MS = 300_000;
/** The form that senders must use: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7 */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const METADATA = 'x-amz-meta-';

/** `undefined`: nothing is known, ask by the SDK. `null`: the store says 404. */
export type SignedAnswer = ObjectHead | null | undefined;

/**
 * HEAD of an object without the SDK, whose middleware takes half of a front end's time for a first request. It knows plain
 * answers alone: whatever else happens is for the SDK to find out, with its errors, tries and correction of clocks.
 *
 * The SDK asks first, see {@link SdkBypass}: a 404 from anywhere else would be no 404.
 */
export class SignedHead {
  readonly #calls: S3Calls;
  readonly #addresses: SignedAddresses;

  readonly #bypass: SdkBypass;

  /** @param base see {@link SignedAddresses} */
  constructor(calls: S3Calls, region: string, base: string, bypass: SdkBypass) {
    this.#calls = calls;
    this.#bypass = bypass;
    this.#addresses = new SignedAddresses(calls, region, base, SIGNED_SECONDS);
  }

  /** See {@link SdkBypass.open}. */
  get asks(): boolean {
    return this.#bypass.open;
  }

  /** @throws only what `signal` was aborted for */
  async ask(key: string, signal: AbortSignal): Promise<SignedAnswer> {
    if (!this.asks) return undefined;
    try {
      const { statusCode, headers } = await plainRequest(this.#calls.agents, {
        base: this.#addresses.base,
        path: await this.#addresses.path(key, 'HEAD'),
        method: 'HEAD',
        signal,
      });
      if (this.#isSkewed(headers.date)) return undefined;
      if (statusCode === 404) return null;
      return statusCode === 200 ? readHead(headers) : undefined;
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  /** Tells that the SDK had a plain answer where this one had none. */
  rest(): void {
    this.#bypass.rest();
  }

  #isSkewed(date: string | undefined): boolean {
    const storeMs = Date.parse(date ?? '');
    return Math.abs(Date.now() + this.#calls.clockOffsetMs - storeMs) >= SKEW_MS;
  }
}

/** What the SDK reads from the same headers; `undefined` where it might make more of them. */
function readHead(headers: IncomingHttpHeaders): ObjectHead | undefined {
  const { 'content-length': length, 'last-modified': modified } = headers;
  if (length !== undefined && !/^\d{1,15}$/.test(length)) return undefined;
  if (modified !== undefined && !HTTP_DATE.test(modified)) return undefined;
  const Metadata: Record<string, string> = {};
  for (const name in headers)
    if (name.startsWith(METADATA)) Metadata[name.slice(METADATA.length)] = String(headers[name]);
  return {
    Metadata,
    ContentLength: length === undefined ? undefined : Number(length),
    ETag: headers.etag,
    LastModified: modified === undefined ? undefined : new Date(modified),
    Expiration: headers['x-amz-expiration']?.toString(),
    ContentType: headers['content-type'],
    ContentEncoding: headers['content-encoding'],
    ContentDisposition: headers['content-disposition'],
    ContentLanguage: headers['content-language'],
    CacheControl: headers['cache-control'],
    ExpiresString: headers.expires,
  };
}
