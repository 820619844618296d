import { CacheManager } from '@cloud-mirror/cache-manager';
import type { Adapters, Config } from '@cloud-mirror/mirror';
import type { Logger } from '@cloud-mirror/program';
import type { Registry } from 'prom-client';
import { cacheManagerEvents } from './machines/cache-manager-events.ts';
import { entryBytes } from './redirect/remembered-answers.ts';

export interface CacheManagerParts {
  readonly config: Pick<Config, 'server' | 'entries'>;
  readonly adapters: Adapters;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** Opens the cache manager of a front end. The caller disposes of it. */
export function openCacheManager({ config, adapters, logger, registry }: CacheManagerParts): CacheManager {
  const { backends, entries, origin, policy, budgets } = adapters;
  return new CacheManager({
    backends,
    entries,
    origin,
    policy,
    budgets,
    times: config.entries,
    maxWaiting: config.server.maxWaiting,
    maxWaitMs: config.server.maxWaitSeconds * 1000,
    // Entries in the memory of this process need no second cache.
    remembersHits: config.entries.kind === 'redis',
    rememberedBytes: entryBytes(config.server),
    events: cacheManagerEvents({ backends, logger, registry }),
  });
}
