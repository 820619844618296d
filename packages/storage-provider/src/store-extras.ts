import type { StorageProvider } from './storage-provider.ts';
import type { CallOptions, MeasuredObject } from './stored-object.ts';

/** Capability: objects of this store are files that the front end itself serves (kind `filesystem`). */
export interface LocallyServed {
  /**
   * Opens the object whose address ends with the segment `name`; `null` if there is none.
   * Counts as a use of the object for eviction. The caller disposes of it.
   */
  openNamed(name: string, options?: CallOptions): Promise<OpenObject | null>;

  /** Like {@link openNamed}, by the key of the object. */
  openKey(key: string, options?: CallOptions): Promise<OpenObject | null>;
  /** What objects hold that have been removed while clients read them. */
  readonly removedObjects: RemovedObjects;
}

export interface RemovedObjects {
  /** Bytes on the disk, as last measured. */
  readonly bytes: number;
  /** How many readers have been cut since the start because such objects held too many bytes. */
  readonly readersCut: number;
}

export interface OpenObject extends AsyncDisposable {
  readonly key: string;
  readonly object: MeasuredObject;
  /**
   * Aborted with a StorageError when the object has been removed and its bytes are needed. The caller must then dispose
   * of it, even if its client reads nothing.
   */
  readonly withdrawn: AbortSignal;
  /** Bytes `start` to `endExclusive` of the object. */
  read(start: number, endExclusive: number): AsyncIterable<Uint8Array>;
}

/** Capability: aborts unfinished uploads. */
export interface UploadSweeper {
  /**
   * Aborts unfinished uploads that began more than `olderThanMs` ago. Only the program's own uploads, which it
   * recognizes by their metadata or key.
   * @returns the number of aborted uploads
   */
  sweepUploads(olderThanMs: number, options?: CallOptions): Promise<number>;
}

/** Capability: checks that clients can read copies at public addresses, which needs a policy or proxy outside the program. */
export interface PubliclyRead {
  /**
   * Reads one byte of a copy at its public address, without credentials. Makes a few small calls.
   * @throws StorageError if the store does not say whether it has a copy
   */
  checkPublicRead(options?: PublicReadOptions): Promise<PublicRead>;
}

export interface PublicReadOptions extends CallOptions {
  /** If there is no copy, store a trial object, read it and remove it. Default false. */
  readonly trial?: boolean | undefined;
}

export type PublicRead =
  | { readonly state: 'readable' }
  /** The public address answers with this status. */
  | { readonly state: 'refused'; readonly status: number; readonly host: string }
  /** The result is unknown; `why` is a message for operators. */
  | { readonly state: 'untried'; readonly why: string };

export function isPubliclyRead(provider: StorageProvider): provider is StorageProvider & PubliclyRead {
  return 'checkPublicRead' in provider;
}

/** Capability: addresses for clients are signed with credentials that may expire. */
export interface SigningLife {
  /** When the current credentials expire; `null` if that is not known. */
  credentialsExpireAt(): Promise<Date | null>;
}

export function hasSigningLife(provider: StorageProvider): provider is StorageProvider & SigningLife {
  return 'credentialsExpireAt' in provider;
}

export function isLocallyServed(provider: StorageProvider): provider is StorageProvider & LocallyServed {
  return 'openNamed' in provider;
}

export function isUploadSweeper(provider: StorageProvider): provider is StorageProvider & UploadSweeper {
  return 'sweepUploads' in provider;
}
