import { randomUUID } from 'node:crypto';
import { DeleteBucketCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { inject } from 'vitest';
import type { S3StorageProviderOptions } from '../src/index.ts';
import { S3StorageProvider } from '../src/index.ts';
import type { ContractSubject } from '@cloud-mirror/storage-provider/contract';
import { describeStorageProvider } from '@cloud-mirror/storage-provider/contract';

const { s3 } = inject('servers');

for (const checksums of ['when_supported', 'when_required'] as const) {
  describeStorageProvider(`S3StorageProvider, signed addresses, checksums ${checksums}`, () =>
    openSubject({ access: 'signed', checksums }),
  );
}

async function openSubject(
  options: Pick<S3StorageProviderOptions, 'access' | 'checksums'>,
): Promise<ContractSubject> {
  const bucket = `copies-${randomUUID()}`;
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const credentials = { accessKeyId, secretAccessKey };
  const partBytes = 5 * 1024 * 1024;
  const provider = new S3StorageProvider({
    bucket,
    region,
    endpoint,
    forcePathStyle: true,
    credentials,
    signedUrlSeconds: 60,
    lifespanDays: 1,
    partBytes,
    ...options,
  });
  await provider.prepare({ longLivedPrefix: 'purged/', objectPrefixes: ['http', 'g/', 'sha256/'] });
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  return {
    provider,
    pieceBytes: partBytes,
    honoursConditions: s3.given,
    leftovers: async () => {
      const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return (Uploads ?? []).map(({ Key }) => Key ?? '');
    },
    [Symbol.asyncDispose]: async () => {
      for await (const { key } of provider.list('')) await provider.delete(key);
      await client.send(new DeleteBucketCommand({ Bucket: bucket }));
      await provider[Symbol.asyncDispose]();
      client.destroy();
    },
  };
}
