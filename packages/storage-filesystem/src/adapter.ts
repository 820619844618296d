export { FilesystemStorageProvider } from './filesystem-storage-provider.ts';
export type { FilesystemStorageProviderOptions } from './filesystem-storage-provider-options.ts';
