export * from './around-entry-store.ts';
export * from './entry-store.ts';
export { MemoryEntryStore, type MemoryEntryStoreOptions } from './memory-entry-store.ts';
export { RedisEntryStore, type RedisEntryStoreOptions } from './redis/redis-entry-store.ts';
