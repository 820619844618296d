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
export type { Environment } from './environment.ts';
export { createLogger, describeError, lineWriter, withoutQueries, withoutQuery } from './logger.ts';
export type { DescribedError, Logger, LoggerOptions } from './logger.ts';
export { dropMisnamedMetrics } from './metric-names.ts';
export { runProgram } from './program.ts';
export type { Program, ProgramContext, RunningProgram } from './program.ts';
export { programVersion } from './program-version.ts';
export { requireSharedParts } from './shared-parts.ts';
export { prepareBackend, prepareBackends } from './prepare-backends.ts';
