import { isDefect } from '@cloud-mirror/cache-manager';
import type { CacheManagerEvents } from '@cloud-mirror/cache-manager';
import type { Backend, Backends } from '@cloud-mirror/mirrored-objects';
import { urlForLog } from '@cloud-mirror/origin';
import type { Logger } from '@cloud-mirror/program';
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';

/** The minimum time between two warnings about one part or host, since an outage causes a failure per request. */
const QUIET_MS = 30_000;
/** The same for a budget, which may stay used up for a day. */
const QUIET_BUDGET_MS = 600_000;
/** The number of hosts whose last warning is remembered; the oldest is dropped first. */
const MAX_HOSTS = 1_000;

export interface CacheManagerEventsParts {
  readonly backends: Backends;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** Counts and logs the events of the cache manager. */
export function cacheManagerEvents({
  backends,
  logger,
  registry,
}: CacheManagerEventsParts): CacheManagerEvents {
  const registers = [registry];
  const jobs = new Counter({
    name: 'cloud_mirror_jobs_enqueued_total',
    help: 'Jobs sent to the queue of each back end',
    labelNames: ['service', 'region'],
    registers,
  });
  const backfills = new Counter({
    name: 'cloud_mirror_backfills_total',
    help: 'Missing entries written for copies that were found in the store',
    labelNames: ['service', 'region'],
    registers,
  });
  const failures = new Counter({
    name: 'cloud_mirror_part_failures_total',
    help: 'Failed calls of a front end to the entry store, the queue or the object store',
    labelNames: ['part'],
    registers,
  });
  const overBudgets = new Counter({
    name: 'cloud_mirror_over_budget_total',
    help: 'Copies that were not asked for because of a budget, by its path in the configuration',
    labelNames: ['budget'],
    registers,
  });
  const defects = new Counter({
    name: 'cloud_mirror_internal_errors_total',
    help: 'Unexpected errors of the front end in background work of its requests',
    registers,
  });
  const unexpected = (error: unknown): void => {
    defects.inc();
    logger.error(
      { outcome: 'internal_error', err: error },
      'background work of a request failed unexpectedly',
    );
  };
  const warnedAt = new Map<string, number>();
  const hostsWarnedAt = new Map<string, number>();
  const labels = (name: string) => labelsOf(backends.get(name));
  return {
    jobEnqueued: (backend) => jobs.inc(labels(backend)),
    overBudget({ path, budget, limit }) {
      const key = `${path}.budgets.${budget}`;
      overBudgets.inc({ budget: key });
      const now = performance.now();
      if (now - (warnedAt.get(key) ?? -Infinity) < QUIET_BUDGET_MS) return;
      warnedAt.set(key, now);
      logger.warn({ key, limit }, 'a budget of new copies is used up; clients are redirected to the origin');
    },
    backfilled: (backend) => backfills.inc(labels(backend)),
    partFailed(part, backend, error) {
      if (isDefect(error)) return unexpected(error);
      failures.inc({ part });
      const key = `${part} ${backend ?? ''}`;
      const now = performance.now();
      if (now - (warnedAt.get(key) ?? -Infinity) < QUIET_MS) return;
      warnedAt.set(key, now);
      logger.warn({ part, backend, err: error }, 'a part does not answer; redirects continue without it');
    },
    originUnreachable(text, error) {
      const url = new URL(text);
      const now = performance.now();
      if (now - (hostsWarnedAt.get(url.host) ?? -Infinity) < QUIET_MS) return;
      hostsWarnedAt.delete(url.host);
      hostsWarnedAt.set(url.host, now);
      const [oldest] = hostsWarnedAt.keys();
      if (hostsWarnedAt.size > MAX_HOSTS && oldest !== undefined) hostsWarnedAt.delete(oldest);
      logger.warn({ origin: urlForLog(url), err: error }, 'an origin cannot be reached');
    },
    unexpected,
  };
}

function labelsOf(backend: Backend | undefined): { service: string; region: string } {
  return { service: backend?.service ?? '', region: backend?.region ?? '' };
}
