import type { IncomingHttpHeaders } from 'node:http';
import type { BucketEndpoint, BucketEndpoints } from './bucket-endpoint.ts';
import type { ObjectHead } from './object-head.ts';
import { plainRequest } from './plain-request.ts';
import type { PlainTry } from './plain-try.ts';
import { answered, NOT_SENT, unclear } from './plain-try.ts';
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

/** The first try of one HEAD. */
export interface PlainHeadTry {
  /** `plain: null`: the store says 404. Throws only what `signal` was aborted for. */
  readonly send: (signal: AbortSignal) => Promise<PlainTry<{ readonly plain: ObjectHead | null }>>;
  /** To be called where the SDK had a plain answer. */
  readonly settledBySdk: () => void;
}

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

  constructor(calls: S3Calls, endpoints: BucketEndpoints, bypass: SdkBypass) {
    this.#calls = calls;
    this.#bypass = bypass;
    this.#addresses = new SignedAddresses(calls, endpoints, SIGNED_SECONDS);
  }

  begin(key: string): PlainHeadTry {
    let rest = (): void => undefined;
    return {
      send: async (signal) => {
        const endpoint = this.#bypass.endpoint;
        if (endpoint === null) return NOT_SENT;
        const begun = this.#bypass.beginTry();
        const tried = await this.#ask(endpoint, key, signal);
        // Who asks for a pause has understood the request.
        if (tried.kind === 'unclear' && !tried.pause) rest = begun;
        return tried;
      },
      settledBySdk: () => rest(),
    };
  }

  async #ask(
    endpoint: BucketEndpoint,
    key: string,
    signal: AbortSignal,
  ): Promise<PlainTry<{ readonly plain: ObjectHead | null }>> {
    try {
      const { statusCode, headers } = await plainRequest(this.#calls.agents, {
        base: endpoint.base,
        path: await this.#addresses.path(endpoint, key, 'HEAD'),
        method: 'HEAD',
        signal,
      });
      if (this.#isSkewed(headers.date)) return unclear();
      if (statusCode === 404) return answered({ plain: null });
      const plain = statusCode === 200 ? readHead(headers) : undefined;
      return plain === undefined ? unclear(statusCode) : answered({ plain });
    } catch {
      signal.throwIfAborted();
      return unclear();
    }
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
