import type { Copy, Failure } from '../entry-store.ts';

/** The fields of a copy alone: callers may hand over an object that has more. */
export function copyOf(copy: Copy): Copy {
  const { generation, sizeBytes, sha256, etag, storedAt, expiresAt } = copy;
  return { generation, sizeBytes, sha256, etag, storedAt, expiresAt };
}

/** How long after failure number `attempts` the next try is due, in milliseconds. */
export function retryDelayMs(failure: Failure, attempts: number): number {
  return failure.retryAfterMs ?? Math.min(failure.longestRetryMs, failure.firstRetryMs * 2 ** (attempts - 1));
}
