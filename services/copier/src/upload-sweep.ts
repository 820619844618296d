import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from '@cloud-mirror/cache-manager';
import { isUploadSweeper } from '@cloud-mirror/storage-provider';

const SWEEP_INTERVAL_MS = 3_600_000;

/**
 * Once an hour ends the uploads that a killed worker left behind, in each back end that can tell them, until `stopping`
 * is aborted. The first sweep comes after a random part of the hour: workers started together take turns.
 */
export async function sweepUploads(
  backends: readonly Backend[],
  olderThanHours: number,
  report: (backend: Backend, result: { readonly ended: number } | { readonly error: unknown }) => void,
  stopping: AbortSignal,
): Promise<void> {
  let waitMs = Math.random() * SWEEP_INTERVAL_MS;
  while (!stopping.aborted) {
    await sleep(waitMs, undefined, { signal: stopping }).catch(() => undefined);
    waitMs = SWEEP_INTERVAL_MS;
    for (const backend of backends) {
      if (stopping.aborted) return;
      if (!isUploadSweeper(backend.store)) continue;
      try {
        const ended = await backend.store.sweepUploads(olderThanHours * 3_600_000, { signal: stopping });
        report(backend, { ended });
      } catch (error) {
        if (!stopping.aborted) report(backend, { error });
      }
    }
  }
}
