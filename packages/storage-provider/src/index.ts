export * from './capability-losses.ts';
export * from './storage-provider.ts';
export { storableHeaders } from './storable-headers.ts';
export * from './store-capabilities.ts';
export { S3StorageProvider } from './s3/s3-storage-provider.ts';
export type { S3Credentials, S3StorageProviderOptions } from './s3/s3-storage-provider-options.ts';
export { FilesystemStorageProvider } from './filesystem/filesystem-storage-provider.ts';
export type { FilesystemStorageProviderOptions } from './filesystem/filesystem-storage-provider-options.ts';
