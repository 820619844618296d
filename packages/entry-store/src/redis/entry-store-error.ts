import { refusalIn } from '@cloud-mirror/redis';
import { EntryStoreError } from '../entry-store.ts';

/** The error that a failed call rejects with. @param cause the error of ioredis or of a time limit */
export function entryStoreError(cause: unknown): EntryStoreError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EntryStoreError(`Redis: ${reason}`, { cause, refusal: refusalIn(cause) });
}
