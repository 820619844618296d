import type { CacheManagerEvents } from '@cloud-mirror/cache-manager';
import type { Logger } from '@cloud-mirror/config';
import { Counter, type Registry } from 'prom-client';

/** What happens inside of the cache manager, as log lines and as metrics. */
export function cacheEvents(logger: Logger, registry: Registry): CacheManagerEvents {
  const registers = [registry];
  const failures = new Counter({
    name: 'cloud_mirror_part_failures_total',
    help: 'Calls that the entry store, the queue or an object store did not answer',
    labelNames: ['part'],
    registers,
  });
  const jobs = new Counter({
    name: 'cloud_mirror_jobs_enqueued_total',
    help: 'Jobs sent, by back end',
    labelNames: ['backend'],
    registers,
  });
  const backfills = new Counter({
    name: 'cloud_mirror_backfills_total',
    help: 'Copies found in the store although no entry knew of them, by back end',
    labelNames: ['backend'],
    registers,
  });
  return {
    partFailed(part, backend, error) {
      failures.inc({ part });
      logger.warn({ part, backend, err: error }, 'a part did not answer');
    },
    jobEnqueued: (backend) => jobs.inc({ backend }),
    backfilled: (backend) => backfills.inc({ backend }),
    unexpected: (error) => logger.error({ err: error }, 'unexpected failure behind a request'),
  };
}
