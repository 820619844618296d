import { join } from 'node:path';
import type { Logger } from '@cloud-mirror/program';
import { LastGoodFiles, Sealer, SharedKey } from '@cloud-mirror/state-store';
import type { RedisSettings } from './redis-settings.ts';
import { openStateStore, openWakeUps, type StateSettings } from './open-state.ts';

/** The document with the key for signed addresses of objects in folders. */
export const OBJECT_KEY_DOCUMENT = 'object-signing-key';

export interface ObjectKeyParts {
  readonly state: StateSettings;
  /** `router.sealKey` */
  readonly sealKeys: readonly string[];
  /** Whose Redis tells of changes. */
  readonly entries: RedisSettings;
  readonly logger: Logger;
  readonly resources: AsyncDisposableStack;
}

/** @returns null without a seal key */
export function sealerOf(keys: readonly string[]): Sealer | null {
  return keys.length === 0 ? null : new Sealer(keys.map((key) => Buffer.from(key, 'base64')));
}

/**
 * Opens the key for signed addresses of objects in folders, which all routers and front ends share. Whichever program
 * starts first makes it. Resolves without a key if the store does not answer; the key is then read later.
 */
export async function openObjectKey(parts: ObjectKeyParts): Promise<SharedKey> {
  const { state, sealKeys, entries, logger, resources } = parts;
  const store = resources.use(await openStateStore(state));
  const wakeUps = resources.use(openWakeUps(entries, logger));
  return resources.use(
    await SharedKey.open({
      name: OBJECT_KEY_DOCUMENT,
      store,
      wakeUps,
      lastGood: new LastGoodFiles(join(state.directory, 'last-good')),
      sealer: sealerOf(sealKeys),
      onDegraded(reason) {
        if (reason !== null)
          logger.warn({ err: reason }, 'degraded: the key for signed addresses of folders cannot be read');
        else logger.info('the key for signed addresses of folders can be read again');
      },
    }),
  );
}
