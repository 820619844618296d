import type { FolderListing, FolderPage, SignedMethod } from '@cloud-mirror/storage-provider';

/** A request to sign: what the client asked for, with the key behind the route's own prefix. */
export interface RequestToSign {
  readonly method: SignedMethod;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** For how long the address is valid. */
  readonly seconds: number;
}

/** Where a route leads: a bucket or a folder. */
export interface Destination {
  /**
   * The address that serves exactly this request. Makes no call to the store.
   * @throws StorageError
   */
  sign(request: RequestToSign): string | Promise<string>;

  /** Whether there is an object. @throws StorageError */
  exists(key: string, signal: AbortSignal): Promise<boolean>;

  /** One level of names below a prefix of keys. @throws StorageError */
  listFolder(prefix: string, options: FolderListing): Promise<FolderPage>;
}
