import { pause } from '@cloud-mirror/waiting';
import type { Backend } from '@cloud-mirror/mirrored-objects';
import { isUploadSweeper, StorageError } from '@cloud-mirror/storage-provider';

const SWEEP_INTERVAL_MS = 3_600_000;

/**
 * Aborts the uploads that a killed worker abandoned, in each back end that can list them, until `stopping` is aborted.
 * Runs at once, because a process that starts has often just been killed, and then about once an hour, with jitter, so
 * that workers that start together do not sweep together.
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
        // A bucket that does not exist yet has no uploads.
        const isMissing = error instanceof StorageError && error.code === 'store_missing';
        if (!stopping.aborted && !isMissing) report(backend, { error });
      }
    }
    await pause(SWEEP_INTERVAL_MS * (0.5 + Math.random()), stopping);
  }
}
