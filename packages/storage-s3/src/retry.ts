import { setTimeout as delay } from 'node:timers/promises';
import { StorageError } from '@cloud-mirror/storage-provider';
import { backoff } from '@cloud-mirror/waiting';
import { isDamaged, isUploadLost } from './s3-error.ts';

export interface RetryOptions {
  /** Tries at most, the first included. */
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly signal: AbortSignal | undefined;
}

/** A try that counts and says nothing by itself: the next one has to tell. Never thrown by the last try. */
export class UnclearTry extends Error {
  override readonly name = 'UnclearTry';
  /** Whether the store asked for a pause. */
  readonly pause: boolean;

  constructor(pause: boolean) {
    super('the answer says nothing by itself');
    this.pause = pause;
  }
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
 * `retryable` of the error speaks of minutes: credentials may be mended, room be made. Tried again within seconds is
 * only what the next packet may change.
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
