import { KEY_LAYOUT } from '@cloud-mirror/mirrored-objects';
import { S3StorageProvider } from '@cloud-mirror/storage-s3/adapter';

/** An AWS bucket for tests that only need URLs, which require no request. Credentials come from the environment. */
export function offlineBucket(access: 'public' | 'signed'): S3StorageProvider {
  return new S3StorageProvider({
    bucket: 'copies',
    region: 'us-west-1',
    access,
    signedUrlSeconds: 60,
    lifespanDays: 1,
    keyLayout: KEY_LAYOUT,
  });
}
