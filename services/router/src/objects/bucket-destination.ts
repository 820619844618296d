import { listFolderOf } from '@cloud-mirror/storage-provider';
import type {
  FolderListing,
  FolderPage,
  RequestSigner,
  StorageProvider,
} from '@cloud-mirror/storage-provider';
import type { Destination, RequestToSign } from './destination.ts';

/** A store that signs addresses itself: a bucket. */
export class BucketDestination implements Destination {
  readonly #store: StorageProvider & RequestSigner;

  constructor(store: StorageProvider & RequestSigner) {
    this.#store = store;
  }

  sign({ method, key, seconds, headers, query }: RequestToSign): string | Promise<string> {
    const signed = { seconds, headers, query };
    return this.#store.urlNow(key, method, signed) ?? this.#store.urlFor(key, method, signed);
  }

  async exists(key: string, signal: AbortSignal): Promise<boolean> {
    return (await this.#store.head(key, { signal })) !== null;
  }

  listFolder(prefix: string, options: FolderListing): Promise<FolderPage> {
    return listFolderOf(this.#store, prefix, options);
  }
}
