import { setTimeout as delay } from 'node:timers/promises';
import { StorageError } from '@cloud-mirror/storage-provider';
import { backoff } from '@cloud-mirror/waiting';
import { isDamaged, isUploadLost } from './s3-error.ts';

export interface RetryOptions {
  /** Maximum number of tries, including the first. */
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A direct try whose answer was not understood. It counts as a try, and the SDK makes the next. Never the last try. */
export class UnclearTry extends Error {
  override readonly name = 'UnclearTry';
  /** Whether to back off before the next try. */
  readonly pause: boolean;

  constructor(pause: boolean) {
    super('the answer was not understood');
    this.pause = pause;
  }
}

/** Runs `attempt` until it succeeds, fails with a lasting error, or has used all its tries. */
export async function withRetries<T>(
  attempt: (number: number) => Promise<T>,
  { attempts, firstDelayMs, signal }: RetryOptions,
): Promise<T> {
  for (let number = 1; ; number++) {
    try {
      return await attempt(number);
    } catch (error) {
      signal?.throwIfAborted();
      if (number >= attempts || !mayPassSoon(error)) throw error;
      if (error instanceof UnclearTry && !error.pause) continue;
      const delayMs = backoff(number - 1, { first: firstDelayMs, longest: 64 * firstDelayMs });
      try {
        await delay(delayMs, undefined, { signal });
      } catch {
        signal?.throwIfAborted();
        throw error;
      }
    }
  }
}

/**
 * Whether a retry within seconds may succeed. `retryable` of the error is about minutes, in which an operator may renew
 * credentials or make room; this is only about transient failures.
 */
function mayPassSoon(error: unknown): boolean {
  if (error instanceof UnclearTry) return true;
  if (!(error instanceof StorageError) || !error.retryable || isUploadLost(error.cause)) return false;
  return (
    error.code === 'store_unavailable' ||
    error.code === 'store_corrupt' ||
    (error.code === 'store_rejected' && isDamaged(error.cause))
  );
}
