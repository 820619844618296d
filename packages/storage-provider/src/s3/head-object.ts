import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { CallOptions } from '../storage-provider.ts';
import { StorageError } from '../storage-provider.ts';
import type { S3Calls } from './s3-calls.ts';
import { isAbsent } from './s3-error.ts';

/** `null` for 404 alone. 403 is an error: without `s3:ListBucket` S3 answers it for absent objects too. */
export async function headObject(
  calls: S3Calls,
  key: string,
  { signal }: CallOptions,
): Promise<HeadObjectCommandOutput | null> {
  try {
    return await calls.send(new HeadObjectCommand({ Bucket: calls.bucket, Key: key }), {
      what: 'HEAD of an object',
      signal,
    });
  } catch (error) {
    if (error instanceof StorageError && isAbsent(error.cause)) return null;
    throw error;
  }
}
