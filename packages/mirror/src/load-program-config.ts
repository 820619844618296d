import { CONFIG_VARIABLE, loadConfig as load, parseConfig as parse } from '@cloud-mirror/config';
import type { ConfigFormat, Environment } from '@cloud-mirror/config';
import type { LoadedSettings } from '@cloud-mirror/program';
import { configSchema } from './config-schema.ts';
import type { Config } from './config-schema.ts';

const FORMAT: ConfigFormat<Config> = {
  schema: configSchema,
  listenSection: 'server',
  secretPaths: [/^admin\.tokens(\[\d+\](\.(sha256|scopes))?)?$/, /^entries\.(url|cluster|sentinels)/],
};

/**
 * Reads and checks a configuration file.
 * @param file its path; where it is undefined, `CLOUD_MIRROR_CONFIG` of the environment names it
 * @throws ConfigError with every fault found
 */
export async function loadConfig(file: string | undefined, environment: Environment): Promise<Config> {
  return load(FORMAT, file, environment);
}

/**
 * Checks the text of a configuration file.
 * @param source how faults name it
 * @throws ConfigError with every fault found
 */
export function parseConfig(text: string, environment: Environment, source?: string): Config {
  return parse(FORMAT, text, environment, source);
}

/** What the programs' `--help` says of the environment. */
export const PROGRAM_VARIABLES: Readonly<Record<string, string>> = {
  [CONFIG_VARIABLE]: 'configuration file, where --config is not given',
  'PORT, HOST': 'override server.port and server.host',
};

/**
 * Loads the configuration for a program's process.
 * @throws ConfigError with every fault found
 */
export async function loadProgramConfig(
  file: string | undefined,
  environment: Environment,
): Promise<LoadedSettings<Config>> {
  const config = await loadConfig(file, environment);
  const drainSeconds = config.server.drainSeconds + config.copier.graceSeconds;
  return { config, logLevel: config.log.level, drainSeconds };
}
