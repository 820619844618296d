import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ObjectHead } from './head-object.ts';
import { SignedAddresses } from './s3-address.ts';
import type { S3Calls } from './s3-calls.ts';

/** As long as S3 takes a request that is signed in its headers, in seconds. */
const SIGNED_SECONDS = 900;
/** Difference of clocks, in milliseconds, from which the SDK corrects its own. */
const SKEW_MS = 300_000;
/** How long a store is left alone that takes the SDK's requests and not these, in milliseconds. */
const REST_MS = 60_000;
/** The form that senders must use: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7 */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const METADATA = 'x-amz-meta-';

/** `undefined`: nothing is known, ask by the SDK. `null`: the store says 404. */
export type SignedAnswer = ObjectHead | null | undefined;

interface SdkRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
}

/**
 * HEAD of an object without the SDK, whose middleware takes half of a front end's time for a first request. It knows plain
 * answers alone: whatever else happens is for the SDK to find out, with its errors, tries and correction of clocks.
 *
 * The SDK asks first. Where it sends its own HEAD may depend on environment and profile, and a 404 from anywhere else would
 * be no 404: only once its address was the one that is signed here are others asked without it.
 */
export class SignedHead {
  readonly #calls: S3Calls;
  readonly #addresses: SignedAddresses;
  #sameAddress: boolean | null = null;
  /** By `performance.now()`. */
  #restsUntilMs = -Infinity;

  /** @param base see {@link SignedAddresses} */
  constructor(calls: S3Calls, region: string, base: string) {
    this.#calls = calls;
    this.#addresses = new SignedAddresses(calls, region, base, SIGNED_SECONDS);
    calls.client.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          if (this.#sameAddress === null && commandName === 'HeadObjectCommand')
            this.#compare((args.input as { Key?: string }).Key ?? '', args.request as SdkRequest);
          return next(args);
        },
      { step: 'build', priority: 'low', name: 'learnAddress' },
    );
  }

  /** Whether it knows how to ask, and is not at rest. */
  get asks(): boolean {
    return this.#sameAddress === true && performance.now() >= this.#restsUntilMs;
  }

  /** @throws only what `signal` was aborted for */
  async ask(key: string, signal: AbortSignal): Promise<SignedAnswer> {
    if (!this.asks) return undefined;
    try {
      const { statusCode, headers } = await this.#send(await this.#addresses.address(key, 'HEAD'), signal);
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
    this.#restsUntilMs = performance.now() + REST_MS;
  }

  #send(address: string, signal: AbortSignal): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const [httpAgent, httpsAgent] = this.#calls.agents;
    const request = address.startsWith('https:')
      ? httpsRequest(address, { method: 'HEAD', agent: httpsAgent, signal })
      : httpRequest(address, { method: 'HEAD', agent: httpAgent, signal });
    request.once('response', (response) => {
      // There is no body, but the connection is free only once that was read.
      response.on('error', () => undefined).resume();
      resolve(response);
    });
    request.on('error', reject);
    request.end();
    return promise;
  }

  #isSkewed(date: string | undefined): boolean {
    const storeMs = Date.parse(date ?? '');
    return Math.abs(Date.now() + this.#calls.clockOffsetMs - storeMs) >= SKEW_MS;
  }

  #compare(key: string, { protocol, hostname, port, path }: SdkRequest): void {
    const asked = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`;
    this.#sameAddress = URL.canParse(asked) && new URL(asked).href === this.#addresses.unsigned(key);
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
  };
}
