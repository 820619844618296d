import { OriginError } from '@cloud-mirror/origin';
import { StorageError, type StorageErrorCode } from '@cloud-mirror/storage-provider';
import { EntryStoreError } from '@cloud-mirror/entry-store';

/**
 * The public description of a failure. Messages of origin errors are written for clients. Messages of stores contain hosts,
 * buckets and policies, and appear only in logs.
 */
export function publicCause(error: unknown): string {
  if (error instanceof OriginError) return error.message;
  if (error instanceof StorageError) return STORE_CAUSES[error.code];
  if (error instanceof EntryStoreError) return 'the entry store does not answer';
  return 'something went wrong in the mirror';
}

const STORE_CAUSES: Readonly<Record<StorageErrorCode, string>> = {
  store_unavailable: 'the object store does not answer',
  store_forbidden: 'the object store refuses the mirror access',
  store_missing: 'the object store has no such bucket or folder',
  store_exists: 'the object store has another object at this key',
  store_rejected: 'the object store refused the object',
  store_key_refused: 'the object store refuses the key of the object',
  store_expires: 'the object store removes copies too soon after they are made',
  store_corrupt: 'the object store gave an impossible answer',
  store_full: 'the object store is full',
};
