import { routedKey, type ObjectSigner } from '@cloud-mirror/routed-objects';
import { listFolderOf } from '@cloud-mirror/storage-provider';
import type { FolderListing, FolderPage, StorageProvider } from '@cloud-mirror/storage-provider';
import type { Destination, RequestToSign } from './destination.ts';

export interface FolderOptions {
  /** The back end: `service/region`. */
  readonly name: string;
  readonly store: Pick<StorageProvider, 'head' | 'list'>;
  /** The front end's public URL, without a slash at its end. */
  readonly publicUrl: string;
  readonly signer: ObjectSigner;
}

/** A folder, whose objects the front end serves at addresses of our own. */
export class FolderDestination implements Destination {
  readonly #options: FolderOptions;

  constructor(options: FolderOptions) {
    this.#options = options;
  }

  sign({ seconds, ...request }: RequestToSign): string {
    const { name, publicUrl, signer } = this.#options;
    // The last second counts in full: an address is valid for at least `seconds`, as with S3.
    const expires = Math.ceil(Date.now() / 1000) + seconds;
    return publicUrl + signer.sign({ ...request, store: name }, expires);
  }

  async exists(key: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#options.store.head(routedKey(key), { signal })) !== null;
  }

  listFolder(prefix: string, options: FolderListing): Promise<FolderPage> {
    return listFolderOf(this.#options.store, routedKey(prefix), options);
  }
}
