import type { ErrorEntry, Failure } from './entry-store.ts';
import type { Copy } from '@cloud-mirror/mirrored-objects';

/** Only the fields of a copy: callers may pass an object that has more. */
export function copyOf(copy: Copy): Copy {
  const { generation, sizeBytes, sha256, etag, storedAt, expiresAt } = copy;
  return { generation, sizeBytes, sha256, etag, storedAt, expiresAt };
}

/** The fields that an `error` entry takes over from a failure. `originRetryAfterSeconds` is omitted if undefined. */
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

/** The delay between failure number `attempts` and the next try, in milliseconds. */
export function retryDelayMs(failure: Failure, attempts: number): number {
  return failure.retryAfterMs ?? Math.min(failure.longestRetryMs, failure.firstRetryMs * 2 ** (attempts - 1));
}
