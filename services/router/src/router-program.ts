import { loadConfig } from '@cloud-mirror/config';
import { openMetricsRegistry, openAuditTrail, runProgram } from '@cloud-mirror/program';
import type { Environment, ProgramContext, RunningProgram } from '@cloud-mirror/program';
import { openRoutedStores, ROUTER_CONFIG, type RouterConfig } from '@cloud-mirror/mirror';
import { openLiveRoutes } from './administration/open-live-routes.ts';
import { folderSigning } from './folder-signing.ts';
import { openRouter } from './open-router.ts';

interface RouterProgramSettings extends RouterConfig {
  /** The port that the configuration file names, whatever PORT says. */
  readonly servicePort: number;
}

/** Runs a router as a process of its own. */
export async function runRouterProgram(): Promise<void> {
  await runProgram<RouterProgramSettings>({
    name: 'cloud-mirror-router',
    description: 'Answers requests for objects with signed redirects to their buckets, by storage routes.',
    variables: ROUTER_CONFIG.variables,
    listenKeys: ROUTER_CONFIG.listenKeys,
    async load(file, environment) {
      const config = await loadSettings(file, environment);
      return { config, logLevel: config.log.level, drainSeconds: ROUTER_CONFIG.drainSeconds(config) };
    },
    start: startRouter,
  });
}

async function loadSettings(
  file: string | undefined,
  environment: Environment,
): Promise<RouterProgramSettings> {
  const config = await loadConfig(ROUTER_CONFIG.format, file, environment);
  const asWritten = await loadConfig(ROUTER_CONFIG.format, file, { ...environment, PORT: '', HOST: '' });
  return { ...config, servicePort: asWritten.router.port };
}

async function startRouter({
  config,
  logger,
}: ProgramContext<RouterProgramSettings>): Promise<RunningProgram> {
  await using opening = new AsyncDisposableStack();
  const registry = openMetricsRegistry('cloud_mirror_');
  const audit = opening.use(await openAuditTrail(config.audit, logger));
  const stores = await openRoutedStores(config.services, logger, opening);
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
    instances: () => [],
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
