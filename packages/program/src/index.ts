export { createLogger, describeError } from './logger.ts';
export type { DescribedError, Logger, LoggerOptions } from './logger.ts';
export { escapeDeceptive, lineWriter, withoutQueries, withoutQuery } from './log-lines.ts';
export { openMetricsRegistry } from './metrics-registry.ts';
export { programVersion } from './program-version.ts';
export { repeatedFailureLog } from './repeated-failure-log.ts';
export { runProgram } from './run-program.ts';
export type { Environment, LoadedSettings, Program, ProgramContext, RunningProgram } from './run-program.ts';
