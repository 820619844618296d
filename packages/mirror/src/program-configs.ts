import { CONFIG_VARIABLE, loadConfig as load, parseConfig as parse } from '@cloud-mirror/config';
import type { ConfigFormat, Environment } from '@cloud-mirror/config';
import { environmentProxyFaults, PROXY_VARIABLES } from './sources-proxy.ts';
import { configSchema, copierSchema, frontendSchema, SECTIONS } from './program-schemas.ts';
import type { Config, CopierConfig, FrontendConfig } from './program-schemas.ts';

/** What a program reads of the configuration file. */
export interface ProgramConfig<Settings> {
  readonly format: ConfigFormat<Settings>;
  /** What `--help` says of the environment: the variable, then what it is for. */
  readonly variables: Readonly<Record<string, string>>;
  /** What to change where the program cannot listen. */
  readonly listenKeys: { readonly port: string; readonly host: string };
  /** How long its work may take to end after a signal. */
  readonly drainSeconds: (config: Settings) => number;
  /** Whether it works together with other processes, so that it can keep neither entries nor jobs in its memory. */
  readonly isApart: boolean;
}

const FILE_VARIABLE = {
  [CONFIG_VARIABLE]: 'configuration file, where --config is not given',
  ...PROXY_VARIABLES,
};

/** Of the programs that listen where the section `server` says. */
const SERVER = {
  variables: { ...FILE_VARIABLE, 'PORT, HOST': 'override server.port and server.host' },
  listenKeys: { port: 'server.port or PORT', host: 'server.host or HOST' },
};

/** Of S3 services and regions. */
const CREDENTIALS = /^services\..*\.credentials\.(accessKeyId|secretAccessKey|sessionToken)$/;
const SECRET_PATHS = [
  /^sources\.proxy$/,
  /^admin\.tokens(\[\d+\](\.(sha256|scopes))?)?$/,
  /^entries\.(url|cluster|sentinels)/,
  CREDENTIALS,
];
const VARIABLE_PATHS = [CREDENTIALS];

export const STANDALONE_CONFIG: ProgramConfig<Config> = {
  format: {
    schema: configSchema,
    listenSection: 'server',
    otherSections: [],
    secretPaths: SECRET_PATHS,
    variablePaths: VARIABLE_PATHS,
    environmentFaults: environmentProxyFaults,
  },
  ...SERVER,
  drainSeconds: ({ server, copier }) => server.drainSeconds + copier.graceSeconds,
  isApart: false,
};

export const FRONTEND_CONFIG: ProgramConfig<FrontendConfig> = {
  format: {
    schema: frontendSchema,
    listenSection: 'server',
    otherSections: othersThan(Object.keys(frontendSchema.in.shape)),
    secretPaths: SECRET_PATHS,
    variablePaths: VARIABLE_PATHS,
    environmentFaults: environmentProxyFaults,
  },
  ...SERVER,
  drainSeconds: ({ server }) => server.drainSeconds,
  isApart: true,
};

export const COPIER_CONFIG: ProgramConfig<CopierConfig> = {
  format: {
    schema: copierSchema,
    listenSection: null,
    otherSections: othersThan(Object.keys(copierSchema.in.shape)),
    secretPaths: SECRET_PATHS,
    variablePaths: VARIABLE_PATHS,
    environmentFaults: environmentProxyFaults,
  },
  variables: FILE_VARIABLE,
  listenKeys: { port: 'copier.health.port', host: 'copier.health.host' },
  drainSeconds: ({ copier }) => copier.graceSeconds,
  isApart: true,
};

function othersThan(own: readonly string[]): string[] {
  return SECTIONS.filter((name) => !own.includes(name));
}

/**
 * Reads and checks the whole of a configuration file, as the standalone program does.
 * @param file its path; where it is undefined, `CLOUD_MIRROR_CONFIG` of the environment names it
 * @throws ConfigError with every fault found
 */
export async function loadConfig(file: string | undefined, environment: Environment): Promise<Config> {
  return load(STANDALONE_CONFIG.format, file, environment);
}

/**
 * Checks the text of a whole configuration file.
 * @param source how faults name it
 * @throws ConfigError with every fault found
 */
export function parseConfig(text: string, environment: Environment, source?: string): Config {
  return parse(STANDALONE_CONFIG.format, text, environment, source);
}
