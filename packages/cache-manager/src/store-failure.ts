import { StorageError } from '@cloud-mirror/storage-provider';
import type { FallbackReason } from './redirect.ts';

/** Why a request cannot be answered from the object store. */
export type StoreFailure = Extract<
  FallbackReason,
  'store_unavailable' | 'store_missing' | 'store_key_refused'
>;

/** A missing bucket or folder and a refused key have reasons of their own, because only an operator can fix them. */
export function storeFailureOf(error: unknown): StoreFailure {
  if (!(error instanceof StorageError)) return 'store_unavailable';
  const lasting = error.code === 'store_missing' || error.code === 'store_key_refused';
  return lasting ? error.code : 'store_unavailable';
}
