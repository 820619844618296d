import { S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import type { S3Calls } from './s3-calls.ts';
import type { S3StorageProviderOptions } from './s3-storage-provider-options.ts';

/** Where public copies are, ending in a slash. */
export function publicBase(options: S3StorageProviderOptions): string {
  return options.publicUrl?.replace(/\/*$/, '/') ?? bucketBase(options);
}

/** The bucket's own address, ending in a slash. */
export function bucketBase({ bucket, region, endpoint, forcePathStyle }: S3StorageProviderOptions): string {
  const address = new URL(
    endpoint ?? `https://s3.${region}.${region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'}`,
  );
  // A certificate for one label does not hold for a bucket name with dots, and an IP address has no subdomains.
  const inPath =
    (forcePathStyle ?? false) || (bucket.includes('.') && address.protocol === 'https:') || isIp(address);
  if (!inPath) address.hostname = `${bucket}.${address.hostname}`;
  const path = address.pathname.replace(/\/*$/, '/');
  return `${address.origin}${path}${inPath ? `${bucket}/` : ''}`;
}

/** Below `base`, the key as one segment. */
export function publicAddress(base: string, key: string): string {
  return base + encodeSegment(key);
}

/**
 * Signs addresses of one bucket. By the presigner itself: `getSignedUrl` runs all of the client's middleware for each
 * address, which takes seven times as long, on the path of every redirect, and names the operation in the query.
 */
export class SignedAddresses {
  readonly #calls: S3Calls;
  readonly #base: URL;
  readonly #seconds: number;
  readonly #presigner: S3RequestPresigner;

  /** @param base address of the bucket itself, ending in a slash: signatures hold for the host that they name */
  constructor(calls: S3Calls, region: string, base: string, seconds: number) {
    this.#calls = calls;
    this.#base = new URL(base);
    this.#seconds = seconds;
    const { credentials, sha256 } = calls.client.config;
    this.#presigner = new S3RequestPresigner({ region, credentials, sha256 });
  }

  /** An address that serves `method` of `key` alone, for the configured time from now by the store's clock. */
  async address(key: string, method: 'GET' | 'HEAD'): Promise<string> {
    const { protocol, hostname, host, port, pathname, origin } = this.#base;
    const path = pathname + key.split('/').map(encodeSegment).join('/');
    const unsigned: PresignedRequest = {
      method,
      protocol,
      hostname,
      ...(port === '' ? {} : { port: Number(port) }),
      path,
      query: {},
      headers: { host },
    };
    const signingDate = new Date(Date.now() + this.#calls.clockOffsetMs);
    const { query = {} } = await this.#presigner.presign(unsigned, { expiresIn: this.#seconds, signingDate });
    const parameters = Object.entries(query).map(
      ([name, value]) => `${encodeSegment(name)}=${encodeSegment(String(value))}`,
    );
    return `${origin}${path}?${parameters.join('&')}`;
  }
}

type PresignedRequest = Parameters<S3RequestPresigner['presign']>[0];

/** S3 wants the characters encoded as well that encodeURIComponent leaves: `!'()*`. */
function encodeSegment(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function isIp({ hostname }: URL): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(hostname) || hostname.startsWith('[');
}
