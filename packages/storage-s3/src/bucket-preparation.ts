import { CreateBucketCommand, HeadBucketCommand } from '@aws-sdk/client-s3';
import type { CallOptions } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import type { S3Calls } from './s3-calls.ts';
import { hasName, isAbsent } from './s3-error.ts';

/** @throws StorageError `store_missing` where there is no such bucket */
export async function checkBucket(calls: S3Calls, { signal }: CallOptions): Promise<void> {
  try {
    await calls.send(new HeadBucketCommand({ Bucket: calls.bucket }), {
      what: 'HEAD of the bucket',
      signal,
      attempts: 1,
    });
  } catch (error) {
    if (!(error instanceof StorageError) || !isAbsent(error.cause)) throw error;
    throw new StorageError('store_missing', `there is no bucket ${calls.bucket}`, { cause: error });
  }
}

/** Makes the bucket where it is missing. @returns a line where it was */
export async function prepareBucket(
  calls: S3Calls,
  region: string,
  { signal }: CallOptions,
): Promise<readonly string[]> {
  try {
    await checkBucket(calls, { signal });
    return [];
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'store_missing') throw error;
  }
  const create = (locationConstraint: object): Promise<unknown> =>
    calls.send(new CreateBucketCommand({ Bucket: calls.bucket, ...locationConstraint }), {
      what: 'creation of the bucket',
      signal,
    });
  try {
    // us-east-1 is what AWS takes where nothing is said, and refuses to hear.
    if (region === 'us-east-1') await create({});
    else await create({ CreateBucketConfiguration: { LocationConstraint: region } });
  } catch (error) {
    const cause = error instanceof StorageError ? error.cause : undefined;
    if (hasName(cause, 'BucketAlreadyOwnedByYou')) return [];
    // Other stores know locations of their own, or none.
    if (!hasName(cause, 'InvalidLocationConstraint')) throw error;
    await create({});
  }
  return [`created bucket ${calls.bucket}`];
}
