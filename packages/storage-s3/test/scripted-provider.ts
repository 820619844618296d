import { S3StorageProvider } from '../src/adapter.ts';
import type { S3StorageProviderOptions } from '../src/adapter.ts';
import { ScriptedStore, type Script } from './scripted-store.ts';
import { KEY_LAYOUT } from './key-layout.ts';

/** Opens a provider on a scripted store. Disposal of `opened` closes both. */
export async function openScripted(
  opened: AsyncDisposableStack,
  script: Script,
  options: Partial<S3StorageProviderOptions> = {},
): Promise<{ readonly store: ScriptedStore; readonly provider: S3StorageProvider }> {
  const store = opened.use(await ScriptedStore.start(script));
  const provider = opened.use(
    new S3StorageProvider({
      bucket: 'copies',
      region: 'us-west-2',
      endpoint: store.endpoint,
      forcePathStyle: true,
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: 'session' },
      access: 'public',
      signedUrlSeconds: 60,
      lifespanDays: 1,
      keyLayout: KEY_LAYOUT,
      retryDelayMs: 1,
      ...options,
    }),
  );
  return { store, provider };
}
