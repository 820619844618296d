import type { StorageProvider } from './storage-provider.ts';
import type { CallOptions, MeasuredObject } from './stored-object.ts';

/** Capability: objects of this store are files that the front end itself serves (kind `filesystem`). */
export interface LocallyServed {
  /**
   * Opens the object called `name` (the last segment of its address) for reading; `null` where there is none.
   * Counts as a use of the object when room is needed. The caller disposes of it.
   */
  openNamed(name: string, options?: CallOptions): Promise<OpenObject | null>;
}

export interface OpenObject extends AsyncDisposable {
  readonly object: MeasuredObject;
  /** Bytes `start` to `endExclusive` of the object. */
  read(start: number, endExclusive: number): AsyncIterable<Uint8Array>;
}

/** Capability: uploads that were begun and never completed can be ended. */
export interface UploadSweeper {
  /**
   * Ends this program's own unfinished uploads that began more than `olderThanMs` ago (told by their metadata or key).
   * @returns how many were ended
   */
  sweepUploads(olderThanMs: number, options?: CallOptions): Promise<number>;
}

/** Capability: whether clients can read copies by plain addresses depends on more than this program. */
export interface PubliclyRead {
  /**
   * Reads one byte of a copy at the address that clients get, without credentials. Costs a few small calls.
   * @throws StorageError where the store cannot be asked for a copy
   */
  checkPublicRead(options?: PublicReadOptions): Promise<PublicRead>;
}

export interface PublicReadOptions extends CallOptions {
  /** Where there is no copy: store an object, read it and remove it again. Default false. */
  readonly trial?: boolean | undefined;
}

export type PublicRead =
  | { readonly state: 'readable' }
  /** Clients are sent to answers of this status. */
  | { readonly state: 'refused'; readonly status: number; readonly host: string }
  /** Nothing is known; `why` is for operators. */
  | { readonly state: 'untried'; readonly why: string };

export function isPubliclyRead(provider: StorageProvider): provider is StorageProvider & PubliclyRead {
  return 'checkPublicRead' in provider;
}

/** Capability: addresses for clients are signed by credentials that may end. */
export interface SigningLife {
  /** When the credentials that sign now expire; `null` where that is not known. */
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
