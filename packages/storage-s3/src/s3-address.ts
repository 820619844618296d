import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { SdkEndpoint } from '@cloud-mirror/aws';
import { sdkEndpoint, encodeText, Presigner } from '@cloud-mirror/aws';
import type { SignedAddressOptions, SignedMethod } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import type { S3Calls } from './s3-calls.ts';

/** Where a bucket is, and for which region requests to it are signed. */
export interface BucketEndpoint {
  /** Ends in a slash; the key's segments follow. */
  readonly base: URL;
  readonly signingRegion: string;
}

/** Where the SDK sends requests about a bucket's objects; see {@link sdkEndpoint}. */
export class BucketEndpoints {
  readonly #calls: S3Calls;
  #known: BucketEndpoint | null = null;

  constructor(calls: S3Calls) {
    this.#calls = calls;
  }

  /** `null` before the first {@link resolve} has ended. */
  get known(): BucketEndpoint | null {
    return this.#known;
  }

  /** @throws StorageError `store_rejected` where the settings contradict each other, or the bucket is of a kind that is not supported */
  async resolve(): Promise<BucketEndpoint> {
    this.#known ??= await this.#ask();
    return this.#known;
  }

  async #ask(): Promise<BucketEndpoint> {
    const { bucket, client } = this.#calls;
    try {
      const input = { Bucket: bucket, Key: 'key' };
      const found = await sdkEndpoint(input, HeadObjectCommand, { ...client.config });
      return toBucketEndpoint(found, bucket);
    } catch (error) {
      if (error instanceof StorageError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new StorageError('store_rejected', `no address for bucket ${bucket}: ${reason}`, {
        cause: error,
        retryable: true,
      });
    }
  }
}

function toBucketEndpoint({ url, scheme, signingRegion }: SdkEndpoint, bucket: string): BucketEndpoint {
  if (scheme !== 'sigv4' || signingRegion === undefined)
    throw new StorageError(
      'store_rejected',
      `bucket ${bucket} is of a kind that is not supported (directory buckets and multi-region access points are not): use a general purpose bucket`,
    );
  const base = new URL(url);
  base.pathname = base.pathname.replace(/\/*$/, '/');
  return { base, signingRegion };
}

/** Path of an object as the SDK addresses it: the key's segments below the bucket's own address. */
export function objectPath({ base }: BucketEndpoint, key: string): string {
  return base.pathname + key.split('/').map(encodeText).join('/');
}

/** Addresses of public copies: the key as one segment below `publicUrl`, or else below the bucket's own address. */
export class PublicAddresses {
  readonly #endpoints: BucketEndpoints;
  #base: string | null;

  constructor(endpoints: BucketEndpoints, publicUrl: string | undefined) {
    this.#endpoints = endpoints;
    this.#base = publicUrl?.replace(/\/*$/, '/') ?? null;
  }

  /** @throws StorageError as {@link BucketEndpoints.resolve} */
  async address(key: string): Promise<string> {
    this.#base ??= (await this.#endpoints.resolve()).base.href;
    return this.#base + encodeText(key);
  }
}

/** Signs addresses of one bucket, for the host that the SDK itself asks: signatures hold for the host that they name. */
export class SignedAddresses {
  readonly #calls: S3Calls;
  readonly #endpoints: BucketEndpoints;
  readonly #seconds: number;
  #presigner: Presigner | null = null;

  /** @param seconds life of an address, cut to the life of the credentials that sign it */
  constructor(calls: S3Calls, endpoints: BucketEndpoints, seconds: number) {
    this.#calls = calls;
    this.#endpoints = endpoints;
    this.#seconds = seconds;
  }

  /**
   * An address that serves `method` of `key` alone, from now by the store's clock.
   * @throws StorageError `store_forbidden` where the credentials have expired
   */
  async address(key: string, method: SignedMethod, signed?: SignedAddressOptions): Promise<string> {
    const endpoint = this.#endpoints.known ?? (await this.#endpoints.resolve());
    return endpoint.base.origin + (await this.path(endpoint, key, method, signed));
  }

  /** The address without scheme and host. */
  async path(
    endpoint: BucketEndpoint,
    key: string,
    method: SignedMethod,
    { seconds: life = this.#seconds, headers, query }: Partial<SignedAddressOptions> = {},
  ): Promise<string> {
    const credentials = await this.#calls.client.config.credentials();
    const signingDate = new Date(Date.now() + this.#calls.clockOffsetMs);
    const seconds = secondsLeft(life, credentials.expiration, signingDate);
    const presigner = (this.#presigner ??= new Presigner(endpoint.signingRegion));
    const path = objectPath(endpoint, key);
    const address = { method, host: endpoint.base.host, path, seconds, headers, query };
    return `${path}?${presigner.sign(address, credentials, signingDate)}`;
  }
}

/** S3 takes an address no longer than its credentials: a longer life would be a promise that does not hold. */
function secondsLeft(life: number, expiration: Date | undefined, signingDate: Date): number {
  if (expiration === undefined) return life;
  const left = Math.floor((expiration.getTime() - signingDate.getTime()) / 1000);
  if (left < 1)
    throw new StorageError('store_forbidden', 'the credentials that would sign an address have expired');
  return Math.min(life, left);
}
