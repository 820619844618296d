import { ConfigError, loadConfig } from '@cloud-mirror/config';
import {
  AnnouncedProgram,
  FLEET_CONFIG,
  isShared,
  openRegistry,
  openStateStore,
  type FleetConfig,
} from '@cloud-mirror/mirror';
import { StateError, type StateStore } from '@cloud-mirror/state-store';
import { openAuditTrail, openMetricsRegistry, runProgram } from '@cloud-mirror/program';
import type { Environment, Logger, ProgramContext, RunningProgram } from '@cloud-mirror/program';
import { FleetServer } from './http/fleet-server.ts';
import { FleetDocument } from './scaling/fleet-document.ts';
import { Deployments } from './scaling/deployments.ts';
import { openDriver } from './scaling/open-driver.ts';

interface FleetProgramSettings extends FleetConfig {
  /** The port that the configuration file names, whatever PORT says. */
  readonly servicePort: number;
  readonly environment: Environment;
}

/** Runs the fleet as a process of its own. */
export async function runFleetProgram(): Promise<void> {
  await runProgram<FleetProgramSettings>({
    name: 'cloud-mirror-fleet',
    description: 'Says which instances run where, follows their changes, and scales them.',
    variables: FLEET_CONFIG.variables,
    listenKeys: FLEET_CONFIG.listenKeys,
    async load(file, environment) {
      const config = await loadConfig(FLEET_CONFIG.format, file, environment);
      const asWritten = await loadConfig(FLEET_CONFIG.format, file, { ...environment, PORT: '', HOST: '' });
      const drainSeconds = config.registry.drainDelaySeconds + FLEET_CONFIG.drainSeconds(config);
      return {
        config: { ...config, servicePort: asWritten.fleet.port, environment },
        logLevel: config.log.level,
        drainSeconds,
      };
    },
    start: startFleet,
  });
}

async function startFleet({ config, logger }: ProgramContext<FleetProgramSettings>): Promise<RunningProgram> {
  const { fleet, registry: registrySettings, entries, admin, environment, servicePort } = config;
  requireSharedRegistry(config);
  await using opening = new AsyncDisposableStack();
  const metrics = openMetricsRegistry('cloud_mirror_');
  const audit = opening.use(await openAuditTrail(config.audit, logger));
  const registry = opening.use(await openRegistry(registrySettings, entries, logger));
  const state = opening.use(await openStateStore(config.state));
  await checkState(state, logger);
  const document = new FleetDocument(state);
  const driver = opening.use(await openDriver({ settings: fleet, registry, document, environment, logger }));
  const deployments = opening.use(new Deployments({ settings: fleet, registry, document, driver, logger }));
  const server = new FleetServer({
    settings: fleet,
    tokens: admin.tokens,
    registry,
    driver,
    deployments,
    audit,
    logger,
    metrics,
  });
  const address = await server.listen();
  opening.defer(() => server.drain());
  const announced = opening.use(
    await AnnouncedProgram.start(
      { app: 'fleet', listeners: [{ name: 'http', address, servicePort }] },
      { registry, settings: registrySettings, entries, environment, logger },
    ),
  );
  deployments.setOwner(announced.id);
  await announced.run();
  const resources = opening.move();
  return {
    address,
    async drain() {
      await announced.drain();
      await server.drain();
      await resources.disposeAsync();
    },
  };
}

/** A store that is away is tried again with each change. @throws StateError if it can never keep a document safely */
async function checkState(state: StateStore, logger: Logger): Promise<void> {
  try {
    await state.check();
  } catch (error) {
    if (!(error instanceof StateError) || error.code !== 'state_unavailable') throw error;
    logger.warn({ err: error }, 'the StateStore cannot be used now, so nobody can scale');
  }
}

/** A driver finds out from the registry which of the programs serve. */
function requireSharedRegistry({ fleet, registry, entries }: FleetConfig): void {
  if (fleet.driver === 'none' || isShared(registry, entries)) return;
  throw new ConfigError('fleet', [
    {
      path: 'registry.kind',
      found: 'memory, which only this process can read',
      expected: `redis, with entries.kind redis, because the driver ${fleet.driver} waits until the programs have announced themselves`,
    },
  ]);
}
