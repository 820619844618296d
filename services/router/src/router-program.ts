import { loadConfig, parseConfig } from '@cloud-mirror/config';
import { openMetricsRegistry, openAuditTrail, runProgram } from '@cloud-mirror/program';
import type { Environment, LoadedSettings, ProgramContext, RunningProgram } from '@cloud-mirror/program';
import { openRegistry, openRoutedStores, ROUTER_CONFIG, type RouterConfig } from '@cloud-mirror/mirror';
import { openLiveRoutes } from './administration/open-live-routes.ts';
import { folderSigning } from './folder-signing.ts';
import { DEFAULT_SERVICE_PORT, openRouter } from './open-router.ts';

interface RouterProgramSettings extends RouterConfig {
  /** The port that the configuration file names, whatever PORT says. */
  readonly servicePort: number;
  readonly environment: Environment;
}

/** Runs a router as a process of its own. */
export async function runRouterProgram(): Promise<void> {
  await runProgram<RouterProgramSettings>({
    name: 'cloud-mirror-router',
    description: 'Answers requests for objects with signed redirects to their buckets, by storage routes.',
    variables: ROUTER_CONFIG.variables,
    listenKeys: ROUTER_CONFIG.listenKeys,
    load: async (file, environment) => loaded(await loadSettings(file, environment)),
    start: startRouter,
  });
}

/** What a router reads that has no configuration file. Paths are relative to the working folder. */
const WITHOUT_FILE = JSON.stringify({
  router: { routesFile: 'conf/s3.json', sealKey: '${ROUTER_SEAL_KEY:-}' },
  state: { kind: 'folder', directory: 'state' },
});

/** Runs a router that needs no configuration, with the names of SSSP, which it succeeds. */
export async function runSssp(argv: readonly string[]): Promise<void> {
  await runProgram<RouterProgramSettings>(
    {
      name: 'sssp',
      description:
        'Runs a router alone: port 9000, routes by POST /, the first ones from conf/s3.json, state in ./state.',
      variables: ROUTER_CONFIG.variables,
      listenKeys: { port: '--port or PORT', host: 'HOST' },
      options: [{ flags: '--port <N>', description: 'TCP port (default: PORT, or 9000)' }],
      async load(file, environment, { port }) {
        const overridden = port === undefined ? environment : { ...environment, PORT: port };
        if (file !== undefined) return loaded(await loadSettings(file, overridden));
        const config = parseConfig(ROUTER_CONFIG.format, WITHOUT_FILE, overridden, 'sssp');
        return loaded({ ...config, servicePort: DEFAULT_SERVICE_PORT, environment });
      },
      start: startRouter,
    },
    argv,
  );
}

function loaded(config: RouterProgramSettings): LoadedSettings<RouterProgramSettings> {
  return {
    config,
    logLevel: config.log.level,
    drainSeconds: config.registry.drainDelaySeconds + ROUTER_CONFIG.drainSeconds(config),
  };
}

async function loadSettings(
  file: string | undefined,
  environment: Environment,
): Promise<RouterProgramSettings> {
  const config = await loadConfig(ROUTER_CONFIG.format, file, environment);
  const asWritten = await loadConfig(ROUTER_CONFIG.format, file, { ...environment, PORT: '', HOST: '' });
  return { ...config, servicePort: asWritten.router.port, environment };
}

async function startRouter({
  config,
  logger,
}: ProgramContext<RouterProgramSettings>): Promise<RunningProgram> {
  await using opening = new AsyncDisposableStack();
  const registry = openMetricsRegistry('cloud_mirror_');
  const audit = opening.use(await openAuditTrail(config.audit, logger));
  const stores = await openRoutedStores(config.services, logger, opening, config.environment);
  const { routes, rules, objectKey } = await openLiveRoutes({
    settings: config.router,
    state: config.state,
    entries: config.entries,
    stores: [...stores.keys()],
    logger,
    resources: opening,
  });
  const router = await openRouter({
    settings: config.router,
    servicePort: config.servicePort,
    tokens: config.admin.tokens,
    stores,
    folders: folderSigning(config.server.publicUrl, objectKey),
    routes,
    rules,
    audit,
    instances: opening.use(await openRegistry(config.registry, config.entries, logger)),
    registrySettings: config.registry,
    entries: config.entries,
    environment: config.environment,
    logger,
    registry,
    resources: opening,
  });
  const resources = opening.move();
  return {
    address: router.address,
    addresses: router.health === null ? {} : { health: router.health },
    async drain() {
      await router.drain();
      await resources.disposeAsync();
    },
  };
}
