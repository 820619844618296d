export { ConfigError, describeFound, faultLine, pathText } from './config-fault.ts';
export type { Fault, KeyPath } from './config-fault.ts';
export { isMapping, listAt, numberAt, valueAt } from './config-values.ts';
export { overrideFromEnvironment, substituteEnvironment } from './environment.ts';
export type { Environment } from './environment.ts';
export { CONFIG_VARIABLE, loadConfig, parseConfig } from './load-config.ts';
export type { ConfigFormat } from './load-config.ts';
export { pemFault } from './pem-file.ts';
export type { PemFault } from './pem-file.ts';
export { schemaFaults } from './schema-faults.ts';
export {
  cidr,
  flag,
  host,
  httpUrl,
  listOf,
  oneOf,
  parseUrl,
  port,
  positiveNumber,
  seconds,
  section,
  share,
  strictMapping,
  text,
  timeLimitMs,
  wholeNumber,
} from './value-schemas.ts';
