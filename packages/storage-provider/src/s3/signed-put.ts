import { SignatureV4 } from '@smithy/signature-v4';
import { plainRequest } from './plain-request.ts';
import { ObjectAddresses } from './s3-address.ts';
import type { S3Calls } from './s3-calls.ts';
import type { SdkBypass } from './sdk-bypass.ts';

/** Of the payload: for a larger one the SDK takes little, and sends it over TLS in slices. */
const MOST_BYTES = 262_144;

/** What is sent, by the SDK's names. */
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

/** What is read of the answer, by the SDK's names. */
export interface PlainPutAnswer {
  readonly ETag: string | undefined;
  readonly Expiration: string | undefined;
}

/**
 * PUT of a small object without the SDK, whose middleware takes more of a worker's time than the object. It knows a plain 200
 * without a body alone: whatever else happens is for the SDK to find out, with its errors, tries and correction of clocks, by sending the
 * same again. So not for what must not be sent twice.
 */
export class SignedPut {
  readonly #calls: S3Calls;
  readonly #bypass: SdkBypass;
  readonly #addresses: ObjectAddresses;
  readonly #signer: SignatureV4;

  /** @param base see {@link ObjectAddresses} */
  constructor(calls: S3Calls, region: string, base: string, bypass: SdkBypass) {
    const { credentials, sha256 } = calls.client.config;
    this.#calls = calls;
    this.#bypass = bypass;
    this.#addresses = new ObjectAddresses(base);
    this.#signer = new SignatureV4({ service: 's3', region, credentials, sha256, uriEscapePath: false });
  }

  /** Whether it knows how to send that. */
  takes({ Body }: PlainPut): boolean {
    return this.#bypass.open && Body.length <= MOST_BYTES;
  }

  /** @throws only what `signal` was aborted for */
  async send(put: PlainPut, signal: AbortSignal): Promise<PlainPutAnswer | undefined> {
    try {
      const { host, protocol, hostname } = this.#addresses.base;
      const path = this.#addresses.path(put.Key);
      const headers = { host, ...headersOf(put), ...(protocol === 'https:' && UNSIGNED) };
      const request = { method: 'PUT', protocol, hostname, path, query: {}, headers, body: put.Body };
      const signingDate = new Date(Date.now() + this.#calls.clockOffsetMs);
      const signed = await this.#signer.sign(request, { signingDate });
      signal.throwIfAborted();
      const answer = await plainRequest(this.#calls.agents, {
        base: this.#addresses.base,
        path,
        method: 'PUT',
        headers: signed.headers,
        body: put.Body,
        signal,
      });
      // S3 says of a PUT that was stored no more than its headers do: a body may tell of an error.
      if (answer.statusCode !== 200 || answer.hasBody) return undefined;
      return { ETag: answer.headers.etag, Expiration: answer.headers['x-amz-expiration']?.toString() };
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  /** Tells that the SDK had a plain answer where this one had none. */
  rest(): void {
    this.#bypass.rest();
  }
}

/** TLS keeps the payload from being changed, and the checksum from being damaged. */
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
