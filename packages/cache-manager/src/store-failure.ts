import { StorageError } from '@cloud-mirror/storage-provider';
import type { FallbackReason } from './redirect.ts';

/** Why a request cannot be answered from the object store. */
export type StoreFailure = Extract<FallbackReason, 'store_unavailable' | 'store_missing'>;

/** A bucket or folder that is not there is mended by an operator, not by waiting. */
export function storeFailureOf(error: unknown): StoreFailure {
  return error instanceof StorageError && error.code === 'store_missing'
    ? 'store_missing'
    : 'store_unavailable';
}
