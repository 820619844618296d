export * from './storage-provider.ts';
