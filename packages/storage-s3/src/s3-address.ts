import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { SdkEndpoint, SigningCredentials } from '@cloud-mirror/aws';
import { sdkEndpoint, encodeText, Presigner } from '@cloud-mirror/aws';
import type { SignedAddressOptions, SignedMethod } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import type { S3Calls } from './s3-calls.ts';

/** The address of a bucket, and the region for which requests to it are signed. */
export interface BucketEndpoint {
  /** Ends with a slash, followed by the segments of the key. */
  readonly base: URL;
  readonly signingRegion: string;
}

/** Resolves, once, the address to which the SDK sends requests about a bucket's objects; see {@link sdkEndpoint}. */
export class BucketEndpoints {
  readonly #calls: S3Calls;
  #known: BucketEndpoint | null = null;

  constructor(calls: S3Calls) {
    this.#calls = calls;
  }

  /** `null` before {@link resolve} has succeeded. */
  get known(): BucketEndpoint | null {
    return this.#known;
  }

  /** @throws StorageError `store_rejected` if the settings contradict each other or the kind of bucket is unsupported */
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

/** The path of an object as the SDK forms it: the segments of the key below the bucket's address. */
export function objectPath({ base }: BucketEndpoint, key: string): string {
  return base.pathname + key.split('/').map(encodeText).join('/');
}

/** Addresses of public copies: the key as one segment below `publicUrl`, or below the bucket's address without it. */
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

/** Signs addresses of one bucket. They have the same host as the SDK's requests, because a signature covers the host. */
export class SignedAddresses {
  readonly #calls: S3Calls;
  readonly #endpoints: BucketEndpoints;
  readonly #seconds: number;
  #presigner: Presigner | null = null;

  /** @param seconds for how long an address is valid; limited to the validity of the credentials that sign it */
  constructor(calls: S3Calls, endpoints: BucketEndpoints, seconds: number) {
    this.#calls = calls;
    this.#endpoints = endpoints;
    this.#seconds = seconds;
  }

  /**
   * Signs an address that serves only `method` of `key`. Its validity starts now, by the store's clock.
   * @throws StorageError `store_forbidden` if the credentials have expired
   */
  async address(key: string, method: SignedMethod, signed?: SignedAddressOptions): Promise<string> {
    const endpoint = this.#endpoints.known ?? (await this.#endpoints.resolve());
    return endpoint.base.origin + (await this.path(endpoint, key, method, signed));
  }

  /** Like {@link address}, without waiting; null if endpoint or credentials must be loaded first. */
  addressNow(key: string, method: SignedMethod, signed: SignedAddressOptions): string | null {
    const endpoint = this.#endpoints.known;
    const credentials = this.#calls.credentials.settled;
    if (endpoint === null || credentials === null) return null;
    return endpoint.base.origin + this.#sign(endpoint, key, method, signed, credentials);
  }

  /** The address without scheme and host. */
  async path(
    endpoint: BucketEndpoint,
    key: string,
    method: SignedMethod,
    signed: Partial<SignedAddressOptions> = {},
  ): Promise<string> {
    const credentials = await this.#calls.client.config.credentials();
    return this.#sign(endpoint, key, method, signed, credentials);
  }

  #sign(
    endpoint: BucketEndpoint,
    key: string,
    method: SignedMethod,
    { seconds: life = this.#seconds, headers, query }: Partial<SignedAddressOptions>,
    credentials: SigningCredentials & { readonly expiration?: Date | undefined },
  ): string {
    const signingDate = new Date(Date.now() + this.#calls.clockOffsetMs);
    const seconds = secondsLeft(life, credentials.expiration, signingDate);
    const presigner = (this.#presigner ??= new Presigner(endpoint.signingRegion));
    const path = objectPath(endpoint, key);
    const address = { method, host: endpoint.base.host, path, seconds, headers, query };
    return `${path}?${presigner.sign(address, credentials, signingDate)}`;
  }
}

/** S3 rejects an address once the credentials that signed it have expired, so it must not state a longer validity. */
function secondsLeft(life: number, expiration: Date | undefined, signingDate: Date): number {
  if (expiration === undefined) return life;
  const left = Math.floor((expiration.getTime() - signingDate.getTime()) / 1000);
  if (left < 1)
    throw new StorageError('store_forbidden', 'the credentials that would sign an address have expired');
  return Math.min(life, left);
}
