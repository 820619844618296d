import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from '@cloud-mirror/mirrored-objects';
import type { Delivery } from '@cloud-mirror/job-queue';
import type { CopySlots } from './copy-slots.ts';
import { retryDelaySeconds } from './retry-delay.ts';

const LONG_POLL_SECONDS = 20;
/** As many as SQS hands out at once. */
const DELIVERIES_AT_ONCE = 10;
const PAUSE_SECONDS = { first: 1, longest: 15 };
/**
 * How long a free slot may wait for others, so that one receive, which is billed and costs as much processor time as a small
 * copy, brings jobs for all of them.
 */
const GATHER_MS = 20;
/**
 * A queue that had few jobs is asked again once they are copied, or after this time: putting together a receive takes as much
 * processor time as a small copy, for which a client waits.
 */
const HEAD_START_MS = 5;

export interface JobWorkerOptions {
  readonly backend: Backend;
  readonly slots: CopySlots;
  /** Runs a delivery to its end and reports it; never rejects. `onCopied`: the copy itself is at its end. */
  readonly run: (backend: Backend, delivery: Delivery, onCopied: () => void) => Promise<void>;
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
    await untilSomeFree(slots, stopping);
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
      // As of now: a copy may have ended while the queue was asked.
      const { free } = slots;
      for (const delivery of deliveries) void runInSlot(options, delivery);
      if (deliveries.length > 0 && deliveries.length < max)
        await untilFreeWithin(HEAD_START_MS, slots, free, stopping);
      // A queue with as many jobs in flight as it takes answers a long poll with nothing, and at once.
      if (deliveries.length === 0 && performance.now() - askedAtMs < 1000)
        await pause(PAUSE_SECONDS.first * 1000, stopping);
    } catch (error) {
      if (stopping.aborted) return;
      options.onQueue(backend, error);
      await pause(retryDelaySeconds(failures++, PAUSE_SECONDS) * 1000, stopping);
    }
  }
}

/** Until a receive is worth while: many slots are free, or a few have been for a moment. */
async function untilSomeFree(slots: CopySlots, stopping: AbortSignal): Promise<void> {
  await slots.untilFree(1, stopping);
  const many = Math.min(DELIVERIES_AT_ONCE, Math.ceil(slots.total / 2));
  if (slots.free < many) await untilFreeWithin(GATHER_MS, slots, many, stopping);
}

async function untilFreeWithin(
  ms: number,
  slots: CopySlots,
  count: number,
  stopping: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const end = (): void => over.abort();
  const timer = setTimeout(end, ms);
  stopping.addEventListener('abort', end, { once: true });
  await slots.untilFree(count, over.signal);
  clearTimeout(timer);
  stopping.removeEventListener('abort', end);
}

async function pause(ms: number, stopping: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: stopping }).catch(() => undefined);
}

async function runInSlot({ backend, slots, run }: JobWorkerOptions, delivery: Delivery): Promise<void> {
  using slot = slots.take();
  // Acknowledgements wait for one another: another copy may begin meanwhile.
  await run(backend, delivery, () => slot[Symbol.dispose]());
}
