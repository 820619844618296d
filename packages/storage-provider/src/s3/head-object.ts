import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import type { CallOptions } from '../storage-provider.ts';
import { StorageError } from '../storage-provider.ts';
import type { S3Calls } from './s3-calls.ts';
import { isAbsent } from './s3-error.ts';
import type { SignedHead } from './signed-head.ts';

/** What is read of an answer, by the SDK's names. */
export type ObjectHead = Pick<
  HeadObjectCommandOutput,
  | 'ContentDisposition'
  | 'ContentEncoding'
  | 'ContentLanguage'
  | 'ContentLength'
  | 'ContentType'
  | 'CacheControl'
  | 'ETag'
  | 'Expiration'
  | 'ExpiresString'
  | 'LastModified'
  | 'Metadata'
>;

/**
 * `null` for 404 alone. 403 is an error: without `s3:ListBucket` S3 answers it for absent objects too.
 * @param signed asked before the SDK is, within the time of the first try
 */
export async function headObject(
  calls: S3Calls,
  key: string,
  { signal }: CallOptions,
  signed: SignedHead | null = null,
): Promise<ObjectHead | null> {
  let unclear = false;
  const withoutSdk = async (
    limit: AbortSignal,
  ): Promise<{ readonly plain: ObjectHead | null } | undefined> => {
    if (signed?.asks !== true) return undefined;
    const plain = await signed.ask(key, limit);
    unclear = plain === undefined;
    return plain === undefined ? undefined : { plain };
  };
  const head = await bySdk(calls, key, signal, withoutSdk);
  if (unclear) signed?.rest();
  return head;
}

async function bySdk(
  calls: S3Calls,
  key: string,
  signal: AbortSignal | undefined,
  withoutSdk: (limit: AbortSignal) => Promise<{ readonly plain: ObjectHead | null } | undefined>,
): Promise<ObjectHead | null> {
  try {
    const command = new HeadObjectCommand({ Bucket: calls.bucket, Key: key });
    const head = await calls.send(command, { what: 'HEAD of an object', signal }, withoutSdk);
    return 'plain' in head ? head.plain : head;
  } catch (error) {
    if (error instanceof StorageError && isAbsent(error.cause)) return null;
    throw error;
  }
}
