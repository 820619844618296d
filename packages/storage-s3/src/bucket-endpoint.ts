import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { SdkEndpoint } from '@cloud-mirror/aws';
import { sdkEndpoint } from '@cloud-mirror/aws';
import { StorageError } from '@cloud-mirror/storage-provider';
import { encodeText } from '@cloud-mirror/aws';
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
