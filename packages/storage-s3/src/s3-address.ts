import type { SignedAddressOptions, SignedMethod } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import type { BucketEndpoint, BucketEndpoints } from './bucket-endpoint.ts';
import { objectPath } from './bucket-endpoint.ts';
import { encodeText, Presigner } from '@cloud-mirror/aws';
import type { S3Calls } from './s3-calls.ts';

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
