import type { IncomingHttpHeaders } from 'node:http';
import type { FirstTry, SdkRequest } from '@cloud-mirror/aws';
import { answered, CallsBesideSdk, learnAddresses, NOT_SENT, unclear } from '@cloud-mirror/aws';
import type { BucketEndpoint, BucketEndpoints } from './s3-address.ts';
import { objectPath, SignedAddresses } from './s3-address.ts';
import type { ObjectHead } from './stored-object.ts';
import type { S3Calls } from './s3-calls.ts';

/** The same limit as for requests of the SDK. */
const CONNECT_TIMEOUT_MS = 5_000;
/** The validity of a HEAD's signature in seconds. S3 accepts header signatures for the same time. */
const SIGNED_SECONDS = 900;
/** The clock skew in milliseconds from which the SDK corrects its clock. */
const SKEW_MS = 300_000;
/** Maximum payload of a direct PUT. For larger ones the SDK's overhead is small, and it slices them for TLS. */
const MOST_PAYLOAD_BYTES = 262_144;
/** IMF-fixdate, which senders must use: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7 */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const METADATA = 'x-amz-meta-';

const ABOUT_OBJECTS: ReadonlySet<string | undefined> = new Set(['HeadObjectCommand', 'PutObjectCommand']);

/** A direct PUT, with the SDK's names. */
export interface PlainPut {
  readonly Key: string;
  readonly Body: Buffer;
  readonly Metadata: Readonly<Record<string, string>>;
  readonly ContentType: string;
  readonly ContentEncoding?: string;
  readonly ContentDisposition?: string;
  readonly ContentLanguage?: string;
  readonly CacheControl?: string;
  readonly Expires?: Date;
  readonly ChecksumCRC32?: string;
  readonly ContentMD5?: string;
  readonly IfNoneMatch?: string;
  readonly IfMatch?: string;
}

/** The parts of the answer to a direct PUT that are used, with the SDK's names. */
export interface PlainPutAnswer {
  readonly ETag: string | undefined;
  readonly Expiration: string | undefined;
  readonly ServerSideEncryption: string | undefined;
  readonly SSECustomerAlgorithm: string | undefined;
}

/**
 * HEAD and PUT of objects without the SDK; see {@link CallsBesideSdk}. Direct calls go only to an address that the SDK has
 * used itself: a 404 from another address would not mean that the object is absent.
 */
export class ObjectCallsBesideSdk {
  readonly #calls: S3Calls;
  readonly #endpoints: BucketEndpoints;
  readonly #addresses: SignedAddresses;
  readonly #direct: CallsBesideSdk;
  #isSameAddress: boolean | null = null;

  constructor(calls: S3Calls, endpoints: BucketEndpoints) {
    this.#calls = calls;
    this.#endpoints = endpoints;
    this.#addresses = new SignedAddresses(calls, endpoints, SIGNED_SECONDS);
    this.#direct = new CallsBesideSdk({
      client: calls.client,
      credentials: calls.credentials,
      agents: calls.agents,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      signing: {
        service: 's3',
        region: async () => (await endpoints.resolve()).signingRegion,
        uriEscapePath: false,
      },
    });
    learnAddresses(calls.client, async (request, input, commandName) => {
      if (this.#isSameAddress === null && ABOUT_OBJECTS.has(commandName))
        await this.#compare((input as { Key?: string }).Key ?? '', request);
    });
  }

  /** The answer is `plain: null` if the store answers 404. */
  head(key: string): FirstTry<{ readonly plain: ObjectHead | null }> {
    return this.#direct.begin<{ readonly plain: ObjectHead | null }>(async (signal) => {
      const endpoint = this.#endpoint;
      if (endpoint === null) return NOT_SENT;
      const startedAtMs = Date.now();
      const { statusCode, headers } = await this.#direct.send({
        base: endpoint.base,
        path: await this.#addresses.path(endpoint, key, 'HEAD'),
        method: 'HEAD',
        signal,
      });
      this.#calls.clock.observe(headers.date, startedAtMs);
      if (this.#isSkewed(headers.date)) return unclear();
      if (statusCode === 404) return answered({ plain: null });
      const plain = statusCode === 200 ? readHead(headers) : undefined;
      return plain === undefined ? unclear(statusCode) : answered({ plain });
    });
  }

  /** Sends a small payload; leaves a larger one to the SDK. */
  put(put: PlainPut): FirstTry<PlainPutAnswer> {
    return this.#direct.begin(async (signal) => {
      const endpoint = this.#endpoint;
      if (endpoint === null || put.Body.length > MOST_PAYLOAD_BYTES) return NOT_SENT;
      const { base } = endpoint;
      const startedAtMs = Date.now();
      const answer = await this.#direct.sendSigned({
        base,
        path: objectPath(endpoint, put.Key),
        method: 'PUT',
        headers: { host: base.host, ...headersOf(put), ...(base.protocol === 'https:' && UNSIGNED) },
        body: put.Body,
        signal,
      });
      this.#calls.clock.observe(answer.headers['date']?.toString(), startedAtMs);
      // The answer to a successful PUT has no body, so a body may contain an error.
      if (answer.statusCode !== 200 || answer.body !== '') return unclear(answer.statusCode);
      const said = (name: string): string | undefined => answer.headers[name]?.toString();
      return answered({
        ETag: said('etag'),
        Expiration: said('x-amz-expiration'),
        ServerSideEncryption: said('x-amz-server-side-encryption'),
        SSECustomerAlgorithm: said('x-amz-server-side-encryption-customer-algorithm'),
      });
    });
  }

  /** The address of direct calls; `null` if the SDK must make the calls. */
  get #endpoint(): BucketEndpoint | null {
    return this.#isSameAddress === true ? this.#endpoints.known : null;
  }

  async #compare(key: string, { protocol, hostname, port, path }: SdkRequest): Promise<void> {
    try {
      const endpoint = await this.#endpoints.resolve();
      const origin = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
      // Only the origin is normalized before the comparison. URL parsing would change the paths of some keys.
      this.#isSameAddress =
        URL.parse(origin)?.origin === endpoint.base.origin && path === objectPath(endpoint, key);
    } catch {
      // The SDK's own request reports the fault of the address.
      this.#isSameAddress = false;
    }
  }

  #isSkewed(date: string | undefined): boolean {
    const storeMs = Date.parse(date ?? '');
    return Math.abs(Date.now() + this.#calls.clockOffsetMs - storeMs) >= SKEW_MS;
  }
}

/** Parses headers as the SDK does; `undefined` if the SDK might parse them differently. */
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

/** TLS protects the payload and its checksum, so the payload need not be signed. */
const UNSIGNED = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };

function headersOf(put: PlainPut): Record<string, string> {
  const named: Record<string, string | undefined> = {
    'content-length': String(put.Body.length),
    'content-type': put.ContentType,
    'content-encoding': put.ContentEncoding,
    'content-disposition': put.ContentDisposition,
    'content-language': put.ContentLanguage,
    'cache-control': put.CacheControl,
    expires: put.Expires?.toUTCString(),
    'content-md5': put.ContentMD5,
    'x-amz-checksum-crc32': put.ChecksumCRC32,
    'if-none-match': put.IfNoneMatch,
    'if-match': put.IfMatch,
  };
  const headers: Record<string, string> = {};
  for (const name in named) if (named[name] !== undefined) headers[name] = named[name];
  for (const name in put.Metadata) headers[`x-amz-meta-${name.toLowerCase()}`] = put.Metadata[name] ?? '';
  return headers;
}
