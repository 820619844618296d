import { ConfigError } from '@cloud-mirror/config';
import type { DiscoverySettings, RegistrySettings } from '@cloud-mirror/mirror';
import type { Logger } from '@cloud-mirror/program';
import type { Registry as Instances } from '@cloud-mirror/registry';
import type { Registry } from 'prom-client';
import type { DiscoveryPart } from '../discovery-part.ts';
import { HaproxyAgent } from './haproxy-agent.ts';
import { HaproxyMetrics } from './haproxy-metrics.ts';
import { HaproxyError, HaproxyProcess } from './haproxy-process.ts';

export interface HaproxyPartOptions {
  readonly settings: DiscoverySettings['haproxy'];
  readonly registrySettings: RegistrySettings;
  readonly instances: Instances;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** What `/v1/haproxy` answers. */
const PATH = '/v1/haproxy';

/**
 * Keeps HAProxy like the registry, and says at `/v1/haproxy` what is left out.
 * @throws ConfigError if there is no HAProxy
 */
export async function openHaproxyPart({
  settings,
  registrySettings,
  instances,
  logger,
  registry,
}: HaproxyPartOptions): Promise<DiscoveryPart> {
  const part = logger.child({ part: 'haproxy' });
  const haproxy = await HaproxyProcess.find(settings).catch((error: unknown) => {
    if (!(error instanceof HaproxyError)) throw error;
    throw new ConfigError('discovery.haproxy', [
      { path: 'discovery.haproxy.binary', found: JSON.stringify(settings.binary), expected: error.message },
    ]);
  });
  const metrics: HaproxyMetrics = new HaproxyMetrics(registry, () => agent.status);
  const agent = new HaproxyAgent({
    settings,
    haproxy,
    registry: instances,
    leaseSeconds: registrySettings.leaseSeconds,
    logger: part,
    onEvent: (event) => metrics.count(event),
  });
  agent.run();
  return {
    addresses: {},
    failing: () => (agent.status.failure === null ? [] : ['haproxy']),
    answer: (path) => (path === PATH ? Promise.resolve(agent.status) : null),
    [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose](),
  };
}
