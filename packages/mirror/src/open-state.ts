import type { z } from 'zod';
import type { Logger } from '@cloud-mirror/program';
import { FolderStateStore, NoWakeUps, RedisWakeUps } from '@cloud-mirror/state-store';
import type { StateStore, WakeUps } from '@cloud-mirror/state-store';
import type { BucketStateStoreOptions } from '@cloud-mirror/state-store/bucket';
import { redisFailureLog } from './redis-failures.ts';
import { redisConnection, type RedisSettings } from './redis-settings.ts';
import type { stateSchema } from './state-schema.ts';

export type StateSettings = z.output<typeof stateSchema>;

/** Opens the store of small documents. Makes no call. */
export async function openStateStore(settings: StateSettings): Promise<StateStore> {
  switch (settings.kind) {
    case 'folder':
      return new FolderStateStore(settings.directory);
    case 's3': {
      const { bucket, prefix, region, endpoint, forcePathStyle } = settings;
      if (bucket === undefined) throw new TypeError('the configuration check requires state.bucket');
      const { BucketStateStore } = await import('@cloud-mirror/state-store/bucket');
      const credentials = credentialsOf(settings.credentials);
      return new BucketStateStore({ bucket, prefix, region, endpoint, forcePathStyle, credentials });
    }
  }
}

function credentialsOf(given: StateSettings['credentials']): BucketStateStoreOptions['credentials'] {
  if (given === null) return 'chain';
  const { accessKeyId, secretAccessKey, sessionToken, profile } = given;
  if (profile !== undefined) return { profile };
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new TypeError('the configuration check requires a key pair or a profile');
  return { accessKeyId, secretAccessKey, sessionToken: sessionToken ?? undefined };
}

/** Wakes the other processes through the entries' Redis; without Redis, they find changes by looking regularly. */
export function openWakeUps(entries: RedisSettings, logger: Logger): WakeUps {
  if (entries.kind === 'memory') return new NoWakeUps();
  return new RedisWakeUps({
    connection: redisConnection(entries),
    keyPrefix: entries.keyPrefix,
    commandTimeoutMs: entries.commandTimeoutMs,
    onError: redisFailureLog(logger.child({ part: 'wake-ups' })),
  });
}
