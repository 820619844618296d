import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from '@cloud-mirror/cache-manager';
import type { Delivery } from '@cloud-mirror/job-queue';
import type { CopySlots } from './copy-slots.ts';
import { retryDelaySeconds } from './retry-delay.ts';

const LONG_POLL_SECONDS = 20;
/** As many as SQS hands out at once. */
const DELIVERIES_AT_ONCE = 10;
const PAUSE_SECONDS = { first: 1, longest: 15 };

export interface JobWorkerOptions {
  readonly backend: Backend;
  readonly slots: CopySlots;
  /** Runs a delivery to its end and reports it; never rejects. */
  readonly run: (backend: Backend, delivery: Delivery) => Promise<void>;
  /** Whether the queue answered the last time it was asked; called at each change and each failure. */
  readonly onQueue: (backend: Backend, failure: unknown) => void;
}

/**
 * Receives the jobs of one back end until `stopping` is aborted and runs each on its own, so that a slow copy holds up
 * no other. A queue that does not answer is asked again after a pause, for ever.
 * @returns when nothing is received any more; jobs may be running still
 */
export async function receiveJobs(options: JobWorkerOptions, stopping: AbortSignal): Promise<void> {
  const { backend, slots } = options;
  let failures = 0;
  while (!stopping.aborted) {
    await slots.untilFree(stopping);
    if (stopping.aborted) return;
    try {
      const max = Math.min(DELIVERIES_AT_ONCE, slots.free);
      const askedAtMs = performance.now();
      const deliveries = await backend.queue.receive({
        max,
        waitSeconds: LONG_POLL_SECONDS,
        signal: stopping,
      });
      failures = 0;
      options.onQueue(backend, null);
      for (const delivery of deliveries) void runInSlot(options, delivery);
      // A queue with as many jobs in flight as it takes answers a long poll with nothing, and at once.
      if (deliveries.length === 0 && performance.now() - askedAtMs < 1000)
        await sleep(PAUSE_SECONDS.first * 1000, undefined, { signal: stopping }).catch(() => undefined);
    } catch (error) {
      if (stopping.aborted) return;
      options.onQueue(backend, error);
      const pause = retryDelaySeconds(failures++, PAUSE_SECONDS) * 1000;
      await sleep(pause, undefined, { signal: stopping }).catch(() => undefined);
    }
  }
}

async function runInSlot({ backend, slots, run }: JobWorkerOptions, delivery: Delivery): Promise<void> {
  using _slot = slots.take();
  await run(backend, delivery);
}
