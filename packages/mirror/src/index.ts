export { openAdapters } from './adapters.ts';
export type { Adapters } from './adapters.ts';
export type { RedisSettings } from './redis-settings.ts';
export { SCOPES } from './scopes.ts';
export type { Scope } from './scopes.ts';
export { runMirrorProgram } from './mirror-program.ts';
export type { MirrorParts, MirrorProgram, StartedProgram } from './mirror-program.ts';
export { prepareBackend, prepareBackends } from './prepare-backends.ts';
export {
  COPIER_CONFIG,
  DISCOVERY_CONFIG,
  FLEET_CONFIG,
  FRONTEND_CONFIG,
  loadConfig,
  parseConfig,
  ROUTER_CONFIG,
  STANDALONE_CONFIG,
} from './program-configs.ts';
export type { ProgramConfig } from './program-configs.ts';
export type {
  AdminToken,
  Config,
  CopierConfig,
  DiscoveryConfig,
  FleetConfig,
  FrontendConfig,
  PartsConfig,
  RouterConfig,
  SourceRule,
} from './program-schemas.ts';
export { configWarnings } from './config-warnings.ts';
export type { ConfigWarning } from './config-warnings.ts';
export { jobSignatures } from './queues.ts';
export { requireSharedParts } from './shared-parts.ts';
export { AnnouncedProgram } from './announced-program.ts';
export type { AnnouncedProgramParts, Announcement, Listener } from './announced-program.ts';
export { advertisedHost, isShared, openRegistry } from './open-registry.ts';
export type { RegistrySettings } from './open-registry.ts';
export { openStateStore, openWakeUps } from './open-state.ts';
export type { StateSettings } from './open-state.ts';
export { describeLoss, tryStore } from './try-store.ts';
export type { StoreTrial } from './try-store.ts';
export { STORE_KIND_NAMES } from './store-kinds.ts';
export type { Service } from './store-kinds.ts';
export { openRoutedBucket, openRoutedStores } from './route-stores.ts';
export type { BucketDescription } from './route-stores.ts';
export type { DiscoverySettings } from './discovery-schema.ts';
export type { FleetSettings } from './fleet-schema.ts';
export type { RouterSettings } from './router-schema.ts';
export { OBJECT_KEY_DOCUMENT, openObjectKey, sealerOf } from './object-key.ts';
export { EntriesCheck, failingRedis } from './redis-failures.ts';
export type { FailingRedis } from './redis-failures.ts';
