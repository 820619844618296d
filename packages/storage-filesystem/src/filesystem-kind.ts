import { resolve } from 'node:path';
import type { StoreKind } from '@cloud-mirror/storage-provider';
import { directoryFaults } from './filesystem-rules.ts';
import type { FilesystemService } from './filesystem-schema.ts';
import { filesystemServiceSchema } from './filesystem-schema.ts';

/** Kind `filesystem`: objects are files on this machine. */
export const FILESYSTEM_KIND = {
  kind: 'filesystem',
  schema: filesystemServiceSchema,

  async open({ directory, maxBytes }, { region, urlBase, fileCalls, onEvict, onFault }) {
    const { FilesystemStorageProvider } = await import('./filesystem-storage-provider.ts');
    const folder = resolve(directory, region);
    const store = new FilesystemStorageProvider({
      directory: folder,
      urlBase,
      maxBytes,
      fileCalls: { calls: fileCalls },
      onEvict,
      onFault,
    });
    return { reach: 'local', store };
  },

  copyTerms: () => ({ lifespanDays: null, keys: 'url' }),
  // A missing folder is always created, because nothing else creates it.
  isPrepared: () => true,
  faults: directoryFaults,
  warnings: () => [],
} satisfies StoreKind<FilesystemService> & { readonly schema: typeof filesystemServiceSchema };
