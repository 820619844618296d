import { encodeText, Presigner } from './presigner.ts';
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
  return base + encodeText(key);
}

/** The objects of one bucket as the SDK addresses them: the key's segments below the bucket's own address. */
export class ObjectAddresses {
  readonly base: URL;

  /** @param base address of the bucket itself, ending in a slash */
  constructor(base: string) {
    this.base = new URL(base);
  }

  path(key: string): string {
    return this.base.pathname + key.split('/').map(encodeText).join('/');
  }
}

/** Signs addresses of one bucket. */
export class SignedAddresses {
  readonly #calls: S3Calls;
  readonly #objects: ObjectAddresses;
  readonly #presigner: Presigner;

  /** @param base see {@link ObjectAddresses}: signatures hold for the host that they name */
  constructor(calls: S3Calls, region: string, base: string, seconds: number) {
    this.#calls = calls;
    this.#objects = new ObjectAddresses(base);
    this.#presigner = new Presigner(region, seconds);
  }

  /** An address that serves `method` of `key` alone, for the configured time from now by the store's clock. */
  async address(key: string, method: 'GET' | 'HEAD'): Promise<string> {
    return this.base.origin + (await this.path(key, method));
  }

  get base(): URL {
    return this.#objects.base;
  }

  /** The address without scheme and host. */
  async path(key: string, method: 'GET' | 'HEAD'): Promise<string> {
    const { host } = this.base;
    const path = this.#objects.path(key);
    const credentials = await this.#calls.client.config.credentials();
    const signingDate = new Date(Date.now() + this.#calls.clockOffsetMs);
    return `${path}?${this.#presigner.sign({ method, host, path }, credentials, signingDate)}`;
  }
}

function isIp({ hostname }: URL): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(hostname) || hostname.startsWith('[');
}
