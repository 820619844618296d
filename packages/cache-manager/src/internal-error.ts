import { QueueError } from '@cloud-mirror/job-queue';
import { OriginError } from '@cloud-mirror/origin';
import { StorageError } from '@cloud-mirror/storage-provider';
import type { CacheManagerEvents } from './cache-manager-options.ts';
import { EntryStoreError } from '@cloud-mirror/entry-store';

/**
 * Whether an error is a defect of this program: no port is documented to throw it, so it is not a failure of the called
 * part. The reason of an aborted signal is neither a defect nor a failure.
 */
export function isDefect(error: unknown): boolean {
  return !(
    error instanceof OriginError ||
    error instanceof StorageError ||
    error instanceof EntryStoreError ||
    error instanceof QueueError ||
    error instanceof DOMException
  );
}

/**
 * Reports the failure of a part.
 * @throws the error itself if it is a defect of this program and not a failure of the part
 */
export function reportPartFailure(
  events: CacheManagerEvents | undefined,
  part: 'store' | 'queue',
  backend: string,
  error: unknown,
): void {
  if (isDefect(error)) throw error;
  events?.partFailed?.(part, backend, error);
}

/** A failure caused by a defect of this program. Retryable, because the next try may take another path. */
export class InternalError extends Error {
  override readonly name = 'InternalError';
  readonly code = 'internal_error';
  readonly retryable = true;

  /** @param cause an error for which {@link isDefect} is true */
  constructor(cause: unknown) {
    const what = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    super(`a defect of the mirror: ${what}`, { cause });
  }
}
