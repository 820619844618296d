import { randomUUID } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  ListMultipartUploadsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { ContractSubject } from '@cloud-mirror/storage-provider/contract';
import type { S3StorageProviderOptions } from '../src/adapter.ts';
import type { StoreCapabilities } from '@cloud-mirror/storage-provider';
import { S3StorageProvider } from '../src/adapter.ts';
import { ListedKeys } from '../src/list-objects.ts';
import { KEY_LAYOUT } from './key-layout.ts';

export interface S3Server {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const PREPARED = { longLivedPrefix: 'purged/', objectPrefixes: ['http', 'g/', 'sha256/'] };

/**
 * Opens subjects of the contract suite on one server, each with its own bucket. The capabilities of the server are found
 * out once for all of them.
 */
export function s3Subjects(
  server: S3Server | (() => Promise<S3Server>),
  options: Pick<S3StorageProviderOptions, 'access' | 'checksums'>,
): () => Promise<ContractSubject> {
  let tried: Promise<StoreCapabilities> | null = null;
  return async () => {
    const found = typeof server === 'function' ? await server() : server;
    const { endpoint, region, accessKeyId, secretAccessKey } = found;
    const credentials = { accessKeyId, secretAccessKey };
    const bucket = `copies-${randomUUID()}`;
    const partBytes = 5 * 1024 * 1024;
    const provider = new S3StorageProvider({
      bucket,
      region,
      endpoint,
      forcePathStyle: true,
      credentials,
      signedUrlSeconds: 60,
      lifespanDays: 1,
      keyLayout: KEY_LAYOUT,
      retryDelayMs: 1,
      partBytes,
      ...options,
    });
    await provider.prepare(PREPARED);
    tried ??= provider.tryCapabilities({ record: false });
    const client = new S3Client({
      endpoint,
      region,
      credentials,
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
    const begun: { readonly key: string; readonly uploadId: string | undefined }[] = [];
    return {
      provider,
      pieceBytes: partBytes,
      capabilities: await tried,
      beginUpload: async (key) => {
        const { UploadId } = await client.send(
          new CreateMultipartUploadCommand({ Bucket: bucket, Key: key }),
        );
        begun.push({ key, uploadId: UploadId });
      },
      leftovers: async () => {
        const command = new ListMultipartUploadsCommand({ Bucket: bucket, EncodingType: 'url' });
        const { Uploads = [], EncodingType } = await client.send(command);
        const keys = new ListedKeys(
          Uploads.map(({ Key }) => Key ?? ''),
          EncodingType,
        );
        return Uploads.map(({ Key }) => keys.readings(Key ?? '')[0]);
      },
      [Symbol.asyncDispose]: async () => {
        for await (const { key } of provider.list('')) await provider.delete(key);
        for (const { key: Key, uploadId: UploadId } of begun)
          await client
            .send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }))
            .catch(() => undefined);
        await client.send(new DeleteBucketCommand({ Bucket: bucket }));
        await provider[Symbol.asyncDispose]();
        client.destroy();
      },
    };
  };
}
