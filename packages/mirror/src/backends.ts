import { resolve } from 'node:path';
import { backendName, urlSha256OfKey, type Backend, type Backends } from '@cloud-mirror/mirrored-objects';
import type { EntryStore } from '@cloud-mirror/entry-store';
import { FilesystemStorageProvider } from '@cloud-mirror/storage-filesystem';
import { S3StorageProvider } from '@cloud-mirror/storage-s3';
import type { StorageProvider } from '@cloud-mirror/storage-provider';
import { breakerLog } from './breakers/breaker-log.ts';
import { GuardedStore } from './breakers/guarded-store.ts';
import type { PartsConfig, FilesystemService, S3Region, S3Service } from './program-schemas.ts';
import type { Logger } from '@cloud-mirror/program';
import { openQueue } from './queues.ts';

export interface BackendParts {
  /** Drops the entry of an object before a store with limited space evicts its copy. */
  readonly entries: Pick<EntryStore, 'drop'>;
  readonly logger: Logger;
}

/** Opens every back end of the configuration, and adds stores and queues to `resources`. */
export function openBackends(
  config: PartsConfig,
  parts: BackendParts,
  resources: AsyncDisposableStack,
): Backends {
  const backends = new Map<string, Backend>();
  for (const [service, settings] of Object.entries(config.services)) {
    for (const region of Object.keys(settings.regions)) {
      const name = backendName(service, region);
      const store = resources.use(openStore(config, { service, region, settings }, parts));
      const queue = resources.use(openQueue(config, { service, region }, parts.logger));
      const own = { service, region, name, kind: settings.kind, store, queue };
      backends.set(name, { ...own, ...copySettings(settings, region) });
    }
  }
  return backends;
}

/** Clients wait for a HEAD, and one that takes longer is of no use to them. */
const LONGEST_SMALL_CALL_MS = 5_000;

interface Place {
  readonly service: string;
  readonly region: string;
  readonly settings: S3Service | FilesystemService;
}

function copySettings(
  settings: S3Service | FilesystemService,
  region: string,
): Pick<Backend, 'lifespanDays' | 'keys'> {
  switch (settings.kind) {
    case 's3':
      return {
        lifespanDays: settings.lifespanDays,
        keys: regionOf(settings, region).keys ?? settings.keys,
      };
    case 'filesystem':
      return { lifespanDays: null, keys: 'url' };
  }
}

function openStore(
  config: PartsConfig,
  { service, region, settings }: Place,
  { entries, logger }: BackendParts,
): StorageProvider {
  switch (settings.kind) {
    case 's3':
      return new GuardedStore(openBucket(settings, region, regionOf(settings, region)), {
        smallCallMs: Math.min(settings.requestTimeoutMs, LONGEST_SMALL_CALL_MS),
        onChange: breakerLog(logger, { part: 'store', backend: backendName(service, region) }),
      });
    case 'filesystem':
      return new FilesystemStorageProvider({
        directory: resolve(settings.directory, region),
        // A copier may have no publicUrl: it does not give URLs to clients.
        urlBase: `${config.server.publicUrl ?? ''}/v1/objects/${service}/${region}/`,
        maxBytes: settings.maxBytes,
        onEvict: async (key) => {
          const sha256 = urlSha256OfKey(key);
          if (sha256 !== null) await entries.drop({ backend: backendName(service, region), sha256 });
        },
        onFault: (name, fault) =>
          logger.warn(
            { backend: backendName(service, region), name, fault },
            'the file of a copy is damaged: the copy counts as absent and is made again',
          ),
      });
  }
}

function regionOf(settings: S3Service, region: string): S3Region {
  const found = settings.regions[region];
  if (found === undefined) throw new TypeError(`there is no region ${region}`);
  return found;
}

function openBucket(service: S3Service, name: string, region: S3Region): S3StorageProvider {
  return new S3StorageProvider({
    bucket: region.bucket,
    region: region.region ?? name,
    endpoint: region.endpoint ?? undefined,
    forcePathStyle: region.forcePathStyle,
    access: region.access ?? service.access,
    credentials: credentialsOf(region.credentials ?? service.credentials),
    signedUrlSeconds: service.signedUrlSeconds,
    publicUrl: region.publicUrl ?? undefined,
    lifespanDays: service.lifespanDays,
    partBytes: service.partBytes,
    partsInFlight: service.partsInFlight,
    requestTimeoutMs: service.requestTimeoutMs,
    checksums: region.checksums,
  });
}

/**
 * The configuration check guarantees either a profile or a key pair.
 * @returns undefined for the SDK's default credential chain
 */
function credentialsOf(
  given: S3Service['credentials'],
): ConstructorParameters<typeof S3StorageProvider>[0]['credentials'] {
  if (given === null) return undefined;
  const { accessKeyId, secretAccessKey, sessionToken, profile } = given;
  if (profile !== undefined) return { profile };
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new TypeError('credentials have neither a profile nor a key with its secret');
  return { accessKeyId, secretAccessKey, sessionToken: sessionToken ?? undefined };
}
