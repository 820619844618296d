import { KEY_LAYOUT } from '@cloud-mirror/mirrored-objects';
import { S3StorageProvider } from '@cloud-mirror/storage-s3/adapter';

/** A bucket of AWS that is asked for addresses only: nothing is sent. Credentials come from the environment. */
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
