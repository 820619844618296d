export { openAdapters } from './adapters.ts';
export type { Adapters } from './adapters.ts';
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
export { loadConfig, loadProgramConfig, parseConfig, PROGRAM_VARIABLES } from './load-program-config.ts';
export { prepareBackend, prepareBackends } from './prepare-backends.ts';
export { requireSharedParts } from './shared-parts.ts';
