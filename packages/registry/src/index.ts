export { Announcer } from './announcer.ts';
export type { AnnouncerOptions, InstanceStatus, OwnInstance } from './announcer.ts';
export { byStart, canServe } from './instance.ts';
export type { Instance, InstanceLoad, InstancePort, InstanceState } from './instance.ts';
export { MemoryRegistry } from './memory-registry.ts';
export { RedisRegistry } from './redis/redis-registry.ts';
export type { RedisRegistryOptions } from './redis/redis-registry.ts';
export { RegistryError } from './registry.ts';
export type { Registry, RegistryChange, RegistrySnapshot } from './registry.ts';
