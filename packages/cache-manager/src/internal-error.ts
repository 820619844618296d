import { QueueError } from '@cloud-mirror/job-queue';
import { OriginError } from '@cloud-mirror/origin';
import { StorageError } from '@cloud-mirror/storage-provider';
import type { CacheManagerEvents } from './cache-manager-options.ts';
import { EntryStoreError } from '@cloud-mirror/entry-store';

/**
 * Whether an error is none that a port is documented to throw, and so a defect of this program rather than a failure of
 * the part that was called. An aborted signal's reason is neither.
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
 * Reports that a part did not answer.
 * @throws the error itself where it is a defect of this program, for which no part is to blame
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

/** A failure by a defect of this program. Retryable: the next try may take another way. */
export class InternalError extends Error {
  override readonly name = 'InternalError';
  readonly code = 'internal_error';
  readonly retryable = true;

  /** @param cause what {@link isDefect} says is a defect */
  constructor(cause: unknown) {
    const what = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    super(`a defect of the mirror: ${what}`, { cause });
  }
}
