import { openDns, type HostRecord, type RunningDns, type ServiceRecord } from '@cloud-mirror/dns-names';
import { clientNetwork, RateLimiter } from '@cloud-mirror/http-service';
import type { DiscoverySettings } from '@cloud-mirror/mirror';
import { repeatedFailureLog, type Logger } from '@cloud-mirror/program';
import type { Registry as Instances } from '@cloud-mirror/registry';
import type { Registry } from 'prom-client';
import type { DiscoveryPart } from '../discovery-part.ts';
import { DnsMetrics } from './dns-metrics.ts';

export interface DnsPartOptions {
  readonly settings: DiscoverySettings['dns'];
  readonly instances: Instances;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** Answers over UDP for each client network: enough for a machine full of programs, too few to flood a victim. */
const LIMIT = { requestsPerSecond: 1_000, burst: 5_000 };

const PATH = /^\/v1\/(hosts|services)\/([^/]+)$/;
/** What Mesos-DNS answers where there is nothing. */
const NO_HOST: HostRecord = { host: '', ip: '' };
const NO_SERVICE: ServiceRecord = { service: '', host: '', ip: '', port: '' };

/** Serves names by DNS, and the same ones as JSON. */
export async function openDnsPart({
  settings,
  instances,
  logger,
  registry,
}: DnsPartOptions): Promise<DiscoveryPart> {
  const limiter = new RateLimiter(LIMIT);
  const metrics = new DnsMetrics(registry, () => dns.ageMs);
  const dns: RunningDns = await openDns({
    settings,
    source: instances,
    limits: { take: (network, nowMs) => limiter.take(network, nowMs), networkOf: clientNetwork },
    onOutcome: (outcome) => metrics.count(outcome),
    onError: repeatedFailureLog(logger.child({ part: 'dns' })),
  });
  return {
    addresses: { dns: dns.address },
    failing: () => (dns.isStale ? ['registry'] : []),
    answer: (rawPath) => answer(dns, rawPath),
    [Symbol.asyncDispose]: () => dns[Symbol.asyncDispose](),
  };
}

function answer(dns: RunningDns, rawPath: string): Promise<unknown> | null {
  const [, kind, encoded = ''] = PATH.exec(rawPath) ?? [];
  if (kind === undefined) return null;
  const name = decoded(encoded);
  return kind === 'hosts' ? hosts(dns, name) : services(dns, name);
}

async function hosts(dns: RunningDns, name: string): Promise<readonly HostRecord[]> {
  const records = await dns.hosts(name);
  return records.length === 0 ? [NO_HOST] : records;
}

async function services(dns: RunningDns, name: string): Promise<readonly ServiceRecord[]> {
  const records = await dns.services(name);
  return records.length === 0 ? [NO_SERVICE] : records;
}

/** A name that is badly encoded is no name, so nothing is found. */
function decoded(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return '';
  }
}
