import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { CallOptions } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import type { ObjectHead } from './object-head.ts';
import type { S3Calls } from './s3-calls.ts';
import { isAbsent } from './s3-error.ts';
import type { ObjectCallsBesideSdk } from './object-calls-beside-sdk.ts';

/**
 * `null` for 404 alone. 403 is an error: without `s3:ListBucket` S3 answers it for absent objects too.
 * @param beside makes the first try, before the SDK
 */
export async function headObject(
  calls: S3Calls,
  key: string,
  { signal }: CallOptions,
  beside: ObjectCallsBesideSdk | null = null,
): Promise<ObjectHead | null> {
  const command = new HeadObjectCommand({ Bucket: calls.bucket, Key: key });
  const options = { what: 'HEAD of an object', signal };
  const plainTry = beside?.head(key);
  try {
    const head = await calls.send(command, options, plainTry?.send);
    if ('plain' in head) return head.plain;
    plainTry?.settledBySdk();
    return head;
  } catch (error) {
    if (!(error instanceof StorageError) || !isAbsent(error.cause)) throw error;
    plainTry?.settledBySdk();
    return null;
  }
}
