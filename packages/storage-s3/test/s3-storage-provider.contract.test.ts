import { inject } from 'vitest';
import { describeStorageProvider } from '@cloud-mirror/storage-provider/contract';
import { s3Subjects } from './s3-subject.ts';

const { s3 } = inject('servers');

for (const checksums of ['when_supported', 'when_required'] as const) {
  describeStorageProvider(
    `S3StorageProvider, signed addresses, checksums ${checksums}`,
    s3Subjects(s3, { access: 'signed', checksums }),
  );
}
