export { S3StorageProvider } from './s3-storage-provider.ts';
export type { S3Credentials, S3StorageProviderOptions } from './s3-storage-provider-options.ts';
