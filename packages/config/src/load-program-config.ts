import type { Environment } from './environment.ts';
import type { Config } from './config-schema.ts';
import { CONFIG_VARIABLE, loadConfig } from './load-config.ts';

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
): Promise<{ readonly config: Config; readonly logLevel: string; readonly drainSeconds: number }> {
  const config = await loadConfig(file, environment);
  const drainSeconds = config.server.drainSeconds + config.copier.graceSeconds;
  return { config, logLevel: config.log.level, drainSeconds };
}
