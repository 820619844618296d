import type { Environment } from '@cloud-mirror/config';
import { KEY_LAYOUT } from '@cloud-mirror/mirrored-objects';
import type { Logger } from '@cloud-mirror/program';
import type { RequestSigner, StorageProvider } from '@cloud-mirror/storage-provider';
import { breakerLog } from './breakers/breaker-log.ts';
import { GuardedStore } from './breakers/guarded-store.ts';
import { shareOfFileCalls } from './file-calls.ts';
import { kindOf, type Service } from './store-kinds.ts';
import { servicesSchema } from './services-schema.ts';

/** A bucket outside the configuration file. */
export interface BucketDescription {
  readonly bucket: string;
  readonly region: string;
  readonly endpoint: string | null;
  readonly forcePathStyle: boolean;
  /** null for the SDK's own chain. */
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken: string | null;
  } | null;
}

/** Clients wait for the calls to these stores. */
const SMALL_CALL_MS = 5_000;
const REGION = 'routed';
/** The file calls of stores that are reached over a network. */
const NO_FILES = 0;

/** Opens a bucket that a storage route describes. Makes no call. */
export async function openRoutedBucket(
  { bucket, region, endpoint, forcePathStyle, credentials }: BucketDescription,
  logger: Logger,
): Promise<StorageProvider & RequestSigner> {
  const checked = servicesSchema.parse({
    routed: {
      kind: 's3',
      access: 'signed',
      credentials,
      regions: { [REGION]: { bucket, region, endpoint, forcePathStyle } },
    },
  });
  const settings = checked['routed'];
  if (settings === undefined) throw new TypeError('the schema dropped a service');
  return openNetworkStore(settings, REGION, { bucket }, logger);
}

async function openNetworkStore(
  settings: Service,
  region: string,
  subject: Readonly<Record<string, string>>,
  logger: Logger,
): Promise<StorageProvider & RequestSigner> {
  const opened = await openStoreOf(settings, region, NO_FILES);
  if (opened.reach !== 'network') throw new TypeError('a folder was opened as a bucket');
  return new GuardedStore(opened.store, {
    smallCallMs: Math.min(opened.requestTimeoutMs, SMALL_CALL_MS),
    onChange: breakerLog(logger, { part: 'store', ...subject }),
  });
}

function openStoreOf(settings: Service, region: string, fileCalls: number) {
  return kindOf(settings).open(settings, {
    region,
    keyLayout: KEY_LAYOUT,
    urlBase: '',
    fileCalls,
    // A router puts nothing, so it evicts nothing.
    onEvict: async () => undefined,
    onFault: () => undefined,
  });
}

/**
 * Opens every back end of the configuration, by `service/region`, and adds them to `resources`. Makes no call.
 * @param environment may state the number of threads for file calls
 */
export async function openRoutedStores(
  services: Readonly<Record<string, Service>>,
  logger: Logger,
  resources: AsyncDisposableStack,
  environment: Environment,
): Promise<ReadonlyMap<string, StorageProvider>> {
  const stores = new Map<string, StorageProvider>();
  const fileCalls = shareOfFileCalls({ services }, environment, logger);
  for (const [service, settings] of Object.entries(services))
    for (const region of Object.keys(settings.regions)) {
      const name = `${service}/${region}`;
      const store =
        settings.kind === 'filesystem'
          ? (await openStoreOf(settings, region, fileCalls)).store
          : await openNetworkStore(settings, region, { backend: name }, logger);
      stores.set(name, resources.use(store));
    }
  return stores;
}
