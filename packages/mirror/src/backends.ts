import {
  backendName,
  KEY_LAYOUT,
  sentLength,
  urlSha256OfKey,
  type Backend,
  type Backends,
} from '@cloud-mirror/mirrored-objects';
import type { CopyBudgets } from '@cloud-mirror/copy-budgets';
import type { EntryStore } from '@cloud-mirror/entry-store';
import type { StorageProvider } from '@cloud-mirror/storage-provider';
import { breakerLog } from './breakers/breaker-log.ts';
import { GuardedStore } from './breakers/guarded-store.ts';
import type { PartsConfig } from './program-schemas.ts';
import type { Logger } from '@cloud-mirror/program';
import { openQueue } from './queues.ts';
import type { Service } from './store-kinds.ts';
import { kindOf } from './store-kinds.ts';

export interface BackendParts {
  /** Drops the entry of an object before a store with limited space evicts its copy. */
  readonly entries: Pick<EntryStore, 'drop'>;
  /** Told of evictions. */
  readonly budgets: CopyBudgets | null;
  readonly logger: Logger;
  /** See `shareOfFileCalls`. */
  readonly fileCalls: number;
}

/** Opens every back end of the configuration, and adds stores and queues to `resources`. */
export async function openBackends(
  config: PartsConfig,
  parts: BackendParts,
  resources: AsyncDisposableStack,
): Promise<Backends> {
  const backends = new Map<string, Backend>();
  for (const [service, settings] of Object.entries(config.services)) {
    for (const region of Object.keys(settings.regions)) {
      const name = backendName(service, region);
      const store = resources.use(await openStore(config, { service, region, settings }, parts));
      const queue = resources.use(await openQueue(config, { service, region }, parts.logger));
      const own = { service, region, name, kind: settings.kind, store, queue };
      backends.set(name, { ...own, ...kindOf(settings).copyTerms(settings, region) });
    }
  }
  return backends;
}

/** Clients wait for a HEAD, and one that takes longer is of no use to them. */
const LONGEST_SMALL_CALL_MS = 5_000;

interface Place {
  readonly service: string;
  readonly region: string;
  readonly settings: Service;
}

async function openStore(
  config: PartsConfig,
  { service, region, settings }: Place,
  { entries, budgets, logger, fileCalls }: BackendParts,
): Promise<StorageProvider> {
  const backend = backendName(service, region);
  const opened = await kindOf(settings).open(settings, {
    region,
    keyLayout: KEY_LAYOUT,
    fileCalls,
    // A copier may have no publicUrl: it does not give URLs to clients.
    urlBase: `${config.server.publicUrl ?? ''}/v1/objects/${service}/${region}/`,
    onEvict: async (key, metadata) => {
      const sha256 = urlSha256OfKey(key);
      if (sha256 !== null) await entries.drop({ backend, sha256 });
      await budgets?.removed({ service, region, url: null }, sentLength(metadata) ?? 0, Date.now());
    },
    onFault: (name, fault) =>
      logger.warn(
        { backend, name, fault },
        'the file of a copy is damaged: the copy counts as absent and is made again',
      ),
  });
  switch (opened.reach) {
    case 'local':
      return opened.store;
    case 'network':
      return new GuardedStore(opened.store, {
        smallCallMs: Math.min(opened.requestTimeoutMs, LONGEST_SMALL_CALL_MS),
        onChange: breakerLog(logger, { part: 'store', backend }),
      });
  }
}
