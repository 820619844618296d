import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from '@cloud-mirror/mirrored-objects';
import { isUploadSweeper, StorageError } from '@cloud-mirror/storage-provider';

const SWEEP_INTERVAL_MS = 3_600_000;

/**
 * Ends the uploads that a killed worker left behind, in each back end that can tell them, until `stopping` is aborted:
 * at once, since who starts is often the one that was killed, and then about once an hour. Workers started together
 * drift apart by a random part of the hour.
 */
export async function sweepUploads(
  backends: readonly Backend[],
  olderThanHours: number,
  report: (backend: Backend, result: { readonly ended: number } | { readonly error: unknown }) => void,
  stopping: AbortSignal,
): Promise<void> {
  while (!stopping.aborted) {
    for (const backend of backends) {
      if (stopping.aborted) return;
      if (!isUploadSweeper(backend.store)) continue;
      try {
        const ended = await backend.store.sweepUploads(olderThanHours * 3_600_000, { signal: stopping });
        report(backend, { ended });
      } catch (error) {
        // A bucket that is yet to be made has nothing in it.
        const none = error instanceof StorageError && error.code === 'store_missing';
        if (!stopping.aborted && !none) report(backend, { error });
      }
    }
    const waitMs = SWEEP_INTERVAL_MS * (0.5 + Math.random());
    await sleep(waitMs, undefined, { signal: stopping }).catch(() => undefined);
  }
}
