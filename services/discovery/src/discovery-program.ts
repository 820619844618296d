import { loadConfig, type Environment } from '@cloud-mirror/config';
import { HttpProblem, startHealthServer, type ProcessHealth } from '@cloud-mirror/http-service';
import {
  AnnouncedProgram,
  DISCOVERY_CONFIG,
  isShared,
  openRegistry,
  type DiscoveryConfig,
} from '@cloud-mirror/mirror';
import { openMetricsRegistry, runProgram } from '@cloud-mirror/program';
import type { ProgramContext, RunningProgram } from '@cloud-mirror/program';
import type { DiscoveryPart } from './discovery-part.ts';

interface DiscoveryProgramSettings extends DiscoveryConfig {
  /** The port that the configuration file names, whatever PORT says. */
  readonly servicePort: number;
  readonly environment: Environment;
}

/** The name of this program in the registry. */
const APP = 'discovery';

/** Runs discovery as a process of its own. */
export async function runDiscoveryProgram(): Promise<void> {
  await runProgram<DiscoveryProgramSettings>({
    name: 'cloud-mirror-discovery',
    description:
      'Tells others where the running instances are: by DNS, as JSON, and by a HAProxy that follows.',
    variables: DISCOVERY_CONFIG.variables,
    listenKeys: DISCOVERY_CONFIG.listenKeys,
    async load(file, environment) {
      const config = await loadSettings(file, environment);
      return { config, logLevel: config.log.level, drainSeconds: DISCOVERY_CONFIG.drainSeconds(config) };
    },
    start: startDiscovery,
  });
}

async function loadSettings(
  file: string | undefined,
  environment: Environment,
): Promise<DiscoveryProgramSettings> {
  const config = await loadConfig(DISCOVERY_CONFIG.format, file, environment);
  const asWritten = await loadConfig(DISCOVERY_CONFIG.format, file, { ...environment, PORT: '', HOST: '' });
  return { ...config, servicePort: asWritten.discovery.port, environment };
}

async function startDiscovery({
  config,
  logger,
}: ProgramContext<DiscoveryProgramSettings>): Promise<RunningProgram> {
  await using opening = new AsyncDisposableStack();
  const registry = openMetricsRegistry('cloud_mirror_');
  if (!isShared(config.registry, config.entries))
    logger.warn('the registry is in the memory of this process, so it has no other instances');
  const instances = opening.use(await openRegistry(config.registry, config.entries, logger));
  const parts: DiscoveryPart[] = [];
  if (config.discovery.dns.enabled) {
    const { openDnsPart } = await import('./dns/dns-part.ts');
    const settings = config.discovery.dns;
    parts.push(opening.use(await openDnsPart({ settings, instances, logger, registry })));
  }
  if (config.discovery.haproxy.enabled) {
    const { openHaproxyPart } = await import('./haproxy/haproxy-part.ts');
    const settings = config.discovery.haproxy;
    const registrySettings = config.registry;
    parts.push(
      opening.use(await openHaproxyPart({ settings, registrySettings, instances, logger, registry })),
    );
  }
  let isDraining = false;
  const failing = (): string[] => parts.flatMap((part) => part.failing());
  const health = (): ProcessHealth => {
    if (isDraining) return { status: 'draining', failing: [] };
    return { status: failing().length === 0 ? 'ok' : 'degraded', failing: failing() };
  };
  const answer = (path: string): Promise<unknown> | null => {
    if (path === '/') return Promise.resolve({ program: 'cloud-mirror-discovery', ...health() });
    for (const part of parts) {
      const answered = part.answer(path);
      if (answered !== null) return answered;
    }
    if (/^\/v1\/(hosts|services)\//.test(path)) throw disabled();
    return null;
  };
  const { host, port } = config.discovery;
  const server = opening.use(
    await startHealthServer({ host, port }, { health, registry, logger, answer, maxConnections: 1_000 }),
  );
  const announced = opening.use(
    await AnnouncedProgram.start(
      {
        app: APP,
        listeners: [{ name: 'http', address: server.address, servicePort: config.servicePort }],
        unhealthyWhy: async () => (failing().length === 0 ? null : `failing: ${failing().join(', ')}`),
      },
      {
        registry: instances,
        settings: config.registry,
        entries: config.entries,
        environment: config.environment,
        logger,
      },
    ),
  );
  await announced.run();
  const resources = opening.move();
  return {
    address: server.address,
    addresses: Object.assign({}, ...parts.map((part) => part.addresses)) as Record<string, string>,
    async drain() {
      isDraining = true;
      await announced.drain();
      await resources.disposeAsync();
    },
  };
}

function disabled(): HttpProblem {
  return new HttpProblem(404, 'names_disabled', 'This server has no names: discovery.dns.enabled is false.');
}
