import { setTimeout as delay } from 'node:timers/promises';
import { StorageError } from '../storage-provider.ts';
import { isUploadLost } from './s3-error.ts';

export interface RetryOptions {
  /** Tries at most, the first included. */
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Runs `attempt` until it succeeds, fails for a lasting reason, or has been tried often enough. */
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
      // Between half and whole of the delay, so that many writers told to slow down do not come back at once.
      const delayMs = firstDelayMs * 2 ** Math.min(number - 1, 6) * (0.5 + Math.random() / 2);
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
 * `retryable` of the error speaks of minutes: credentials may be mended, room be made. Tried again within seconds is
 * only what the next packet may change.
 */
function mayPassSoon(error: unknown): boolean {
  if (!(error instanceof StorageError) || !error.retryable || isUploadLost(error.cause)) return false;
  return (
    error.code === 'store_unavailable' || error.code === 'store_rejected' || error.code === 'store_corrupt'
  );
}
