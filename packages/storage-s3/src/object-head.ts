import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';

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
