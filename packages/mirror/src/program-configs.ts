import { CONFIG_VARIABLE, loadConfig as load, parseConfig as parse } from '@cloud-mirror/config';
import type { ConfigFormat, Environment } from '@cloud-mirror/config';
import { environmentProxyFaults, PROXY_VARIABLES } from './sources-proxy.ts';
import {
  configSchema,
  copierSchema,
  discoveryProgramSchema,
  fleetProgramSchema,
  frontendSchema,
  routerProgramSchema,
  SECTIONS,
} from './program-schemas.ts';
import type {
  Config,
  CopierConfig,
  DiscoveryConfig,
  FleetConfig,
  FrontendConfig,
  RouterConfig,
} from './program-schemas.ts';

/** How a program reads the configuration file and the environment. */
export interface ProgramConfig<Settings> {
  readonly format: ConfigFormat<Settings>;
  /** The environment variables that `--help` lists, with their descriptions. */
  readonly variables: Readonly<Record<string, string>>;
  /** The keys that an error message suggests changing if the program cannot listen. */
  readonly listenKeys: { readonly port: string; readonly host: string };
  /** The time limit for draining. */
  readonly drainSeconds: (config: Settings) => number;
  /** Whether the program shares entries and jobs with other processes, so that it cannot keep them in its memory. */
  readonly isApart: boolean;
}

const FILE_VARIABLE = {
  [CONFIG_VARIABLE]: 'configuration file, if --config is not given',
  ...PROXY_VARIABLES,
};

/** For the programs that listen at the address in the section `server`. */
const SERVER = {
  variables: { ...FILE_VARIABLE, 'PORT, HOST': 'override server.port and server.host' },
  listenKeys: { port: 'server.port or PORT', host: 'server.host or HOST' },
};

/** The credentials of S3 services, of their regions, and of the bucket of documents. */
const CREDENTIALS = /^(?:services\..*|state)\.credentials\.(accessKeyId|secretAccessKey|sessionToken)$/;
const SIGNING_KEY = /^queue\.signingKey/;
const SECRET_PATHS = [
  /^sources\.proxy$/,
  /^admin\.tokens(\[\d+\](\.(sha256|scopes))?)?$/,
  /^entries\.(url|cluster|sentinels)/,
  SIGNING_KEY,
  CREDENTIALS,
  /^router\.sealKey/,
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

export const ROUTER_CONFIG: Omit<ProgramConfig<RouterConfig>, 'isApart'> = {
  format: {
    schema: routerProgramSchema,
    listenSection: 'router',
    otherSections: othersThan(Object.keys(routerProgramSchema.in.shape)),
    secretPaths: SECRET_PATHS,
    variablePaths: VARIABLE_PATHS,
  },
  variables: { ...FILE_VARIABLE, 'PORT, HOST': 'override router.port and router.host' },
  listenKeys: { port: 'router.port or PORT', host: 'router.host or HOST' },
  drainSeconds: ({ router }) => router.drainSeconds,
};

export const DISCOVERY_CONFIG: Omit<ProgramConfig<DiscoveryConfig>, 'isApart'> = {
  format: {
    schema: discoveryProgramSchema,
    listenSection: 'discovery',
    otherSections: othersThan(Object.keys(discoveryProgramSchema.in.shape)),
    secretPaths: SECRET_PATHS,
    variablePaths: VARIABLE_PATHS,
  },
  variables: { ...FILE_VARIABLE, 'PORT, HOST': 'override discovery.port and discovery.host' },
  listenKeys: {
    port: 'discovery.port or PORT, or discovery.dns.port',
    host: 'discovery.host or HOST, or discovery.dns.host',
  },
  drainSeconds: ({ registry }) => registry.drainDelaySeconds,
};

export const FLEET_CONFIG: Omit<ProgramConfig<FleetConfig>, 'isApart'> = {
  format: {
    schema: fleetProgramSchema,
    listenSection: 'fleet',
    otherSections: othersThan(Object.keys(fleetProgramSchema.in.shape)),
    secretPaths: SECRET_PATHS,
    variablePaths: VARIABLE_PATHS,
  },
  variables: { ...FILE_VARIABLE, 'PORT, HOST': 'override fleet.port and fleet.host' },
  listenKeys: { port: 'fleet.port or PORT', host: 'fleet.host or HOST' },
  drainSeconds: () => FLEET_DRAIN_SECONDS,
};

/** Long enough for the programs that the driver `process` runs, which drain first. */
const FLEET_DRAIN_SECONDS = 120;

function othersThan(own: readonly string[]): string[] {
  return SECTIONS.filter((name) => !own.includes(name));
}

/**
 * Reads and checks the whole of a configuration file, as the standalone program does.
 * @param file its path; if undefined, the environment variable `CLOUD_MIRROR_CONFIG` names it
 * @throws ConfigError with every fault found
 */
export async function loadConfig(file: string | undefined, environment: Environment): Promise<Config> {
  return load(STANDALONE_CONFIG.format, file, environment);
}

/**
 * Checks the text of a whole configuration file.
 * @param source the name of the text in error messages
 * @throws ConfigError with every fault found
 */
export function parseConfig(text: string, environment: Environment, source?: string): Config {
  return parse(STANDALONE_CONFIG.format, text, environment, source);
}
