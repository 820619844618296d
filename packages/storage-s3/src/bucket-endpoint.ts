import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { getEndpointFromInstructions } from '@smithy/core/endpoints';
import { StorageError } from '@cloud-mirror/storage-provider';
import { encodeText } from './presigner.ts';
import type { S3Calls } from './s3-calls.ts';

/** Where a bucket is, and for which region requests to it are signed. */
export interface BucketEndpoint {
  /** Ends in a slash; the key's segments follow. */
  readonly base: URL;
  readonly signingRegion: string;
}

/**
 * Asks the SDK where it sends requests about a bucket's objects, so that addresses for clients and requests without the
 * SDK go to the same host: it heeds `endpoint`, `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, endpoints of a profile, FIPS
 * and dual-stack settings, and the domains of the AWS partitions.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
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
      const found = await getEndpointFromInstructions(input, HeadObjectCommand, { ...client.config });
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

function toBucketEndpoint(
  { url, properties }: { readonly url: URL; readonly properties?: Record<string, unknown> | undefined },
  bucket: string,
): BucketEndpoint {
  const [scheme] = (properties?.['authSchemes'] ?? []) as { name?: string; signingRegion?: string }[];
  if (scheme?.name !== 'sigv4' || scheme.signingRegion === undefined)
    throw new StorageError(
      'store_rejected',
      `bucket ${bucket} is of a kind that is not supported (directory buckets and multi-region access points are not): use a general purpose bucket`,
    );
  const base = new URL(url);
  base.pathname = base.pathname.replace(/\/*$/, '/');
  return { base, signingRegion: scheme.signingRegion };
}

/** Path of an object as the SDK addresses it: the key's segments below the bucket's own address. */
export function objectPath({ base }: BucketEndpoint, key: string): string {
  return base.pathname + key.split('/').map(encodeText).join('/');
}
