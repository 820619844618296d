export { openAdapters } from './adapters.ts';
export type { Adapters } from './adapters.ts';
export { ConfigError, faultLine } from './config-fault.ts';
export type { Fault } from './config-fault.ts';
export { SCOPES } from './config-schema.ts';
export type {
  AdminToken,
  Config,
  FilesystemService,
  S3Region,
  S3Service,
  Scope,
  Service,
  SourceRule,
} from './config-schema.ts';
export { loadConfig, parseConfig } from './load-config.ts';
export { loadProgramConfig, PROGRAM_VARIABLES } from './load-program-config.ts';
export type { Environment } from './environment.ts';
export { requireSharedParts } from './shared-parts.ts';
export { prepareBackend, prepareBackends } from './prepare-backends.ts';
