import { EntryStoreError, type EntryStore } from '@cloud-mirror/entry-store';
import type { MirroredObject } from '@cloud-mirror/mirrored-objects';
import { pause } from '@cloud-mirror/waiting';

/** Delays of the attempts. If an outage ends within them, no object stays blocked for a whole queued lease. */
const TRIES_AFTER_MS = [0, 1000, 5000, 20_000];

/**
 * Releases a claim whose answer was lost, in case it was made. Best effort: if the entry store stays unavailable, the lease
 * ends the claim. Rejects only because of a programming error.
 */
export async function releaseUnanswered(
  entries: Pick<EntryStore, 'release'>,
  object: MirroredObject,
  token: string,
  ended: AbortSignal,
): Promise<void> {
  for (const delayMs of TRIES_AFTER_MS) {
    await pause(delayMs, ended);
    if (ended.aborted) return;
    try {
      await entries.release(object.id, token);
      return;
    } catch (error) {
      if (!(error instanceof EntryStoreError)) throw error;
    }
  }
}
