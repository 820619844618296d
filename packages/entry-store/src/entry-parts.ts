import type { ErrorEntry, Failure } from './entry-store.ts';
import type { Copy } from '@cloud-mirror/mirrored-objects';

/** The fields of a copy alone: callers may hand over an object that has more. */
export function copyOf(copy: Copy): Copy {
  const { generation, sizeBytes, sha256, etag, storedAt, expiresAt } = copy;
  return { generation, sizeBytes, sha256, etag, storedAt, expiresAt };
}

/** The fields of a failure that an `error` entry repeats. What the origin did not give is left out. */
export function failureOf(
  failure: Failure,
): Omit<ErrorEntry, 'state' | 'token' | 'since' | 'attempts' | 'retryAt'> {
  const { code, cause, stack, originStatus, originHost, originRetryAfterSeconds, willRetry } = failure;
  return {
    code,
    cause,
    stack,
    originStatus,
    originHost,
    ...(originRetryAfterSeconds !== undefined && { originRetryAfterSeconds }),
    willRetry,
  };
}

/** How long after failure number `attempts` the next try is due, in milliseconds. */
export function retryDelayMs(failure: Failure, attempts: number): number {
  return failure.retryAfterMs ?? Math.min(failure.longestRetryMs, failure.firstRetryMs * 2 ** (attempts - 1));
}
