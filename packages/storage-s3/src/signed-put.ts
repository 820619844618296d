import { SignatureV4 } from '@smithy/signature-v4';
import type { BucketEndpoint } from './bucket-endpoint.ts';
import { objectPath } from './bucket-endpoint.ts';
import { plainRequest } from './plain-request.ts';
import type { PlainTry } from './plain-try.ts';
import { answered, NOT_SENT, unclear } from './plain-try.ts';
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
  readonly ServerSideEncryption: string | undefined;
  readonly SSECustomerAlgorithm: string | undefined;
}

/** The first try of one PUT. */
export interface PlainPutTry {
  /** Throws only what `signal` was aborted for. */
  readonly send: (signal: AbortSignal) => Promise<PlainTry<PlainPutAnswer>>;
  /** To be called where the SDK had a plain answer. */
  readonly settledBySdk: () => void;
}

/**
 * PUT of a small object without the SDK, whose middleware takes more of a worker's time than the object. It knows a plain 200
 * without a body alone: whatever else happens is for the SDK to find out, with its errors, tries and correction of clocks, by sending the
 * same again. So not for what must not be sent twice.
 */
export class SignedPut {
  readonly #calls: S3Calls;
  readonly #bypass: SdkBypass;
  #signer: SignatureV4 | null = null;

  constructor(calls: S3Calls, bypass: SdkBypass) {
    this.#calls = calls;
    this.#bypass = bypass;
  }

  begin(put: PlainPut): PlainPutTry {
    let rest = (): void => undefined;
    return {
      send: async (signal) => {
        const endpoint = this.#bypass.endpoint;
        if (endpoint === null || put.Body.length > MOST_BYTES) return NOT_SENT;
        const begun = this.#bypass.beginTry();
        const tried = await this.#send(endpoint, put, signal);
        // Who asks for a pause has understood the request.
        if (tried.kind === 'unclear' && !tried.pause) rest = begun;
        return tried;
      },
      settledBySdk: () => rest(),
    };
  }

  async #send(
    endpoint: BucketEndpoint,
    put: PlainPut,
    signal: AbortSignal,
  ): Promise<PlainTry<PlainPutAnswer>> {
    try {
      const { host, protocol, hostname } = endpoint.base;
      const path = objectPath(endpoint, put.Key);
      const headers = { host, ...headersOf(put), ...(protocol === 'https:' && UNSIGNED) };
      const request = { method: 'PUT', protocol, hostname, path, query: {}, headers, body: put.Body };
      const signingDate = new Date(Date.now() + this.#calls.clockOffsetMs);
      const signed = await this.#signerFor(endpoint).sign(request, { signingDate });
      signal.throwIfAborted();
      const answer = await plainRequest(this.#calls.agents, {
        base: endpoint.base,
        path,
        method: 'PUT',
        headers: signed.headers,
        body: put.Body,
        signal,
      });
      // S3 says of a PUT that was stored no more than its headers do: a body may tell of an error.
      if (answer.statusCode !== 200 || answer.hasBody) return unclear(answer.statusCode);
      const said = (name: string): string | undefined => answer.headers[name]?.toString();
      return answered({
        ETag: said('etag'),
        Expiration: said('x-amz-expiration'),
        ServerSideEncryption: said('x-amz-server-side-encryption'),
        SSECustomerAlgorithm: said('x-amz-server-side-encryption-customer-algorithm'),
      });
    } catch {
      signal.throwIfAborted();
      return unclear();
    }
  }

  #signerFor({ signingRegion: region }: BucketEndpoint): SignatureV4 {
    const { credentials, sha256 } = this.#calls.client.config;
    return (this.#signer ??= new SignatureV4({
      service: 's3',
      region,
      credentials,
      sha256,
      uriEscapePath: false,
    }));
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
