import { pause, TimeLimit } from '@cloud-mirror/waiting';
import type { Backend } from '@cloud-mirror/mirrored-objects';
import type { Delivery } from '@cloud-mirror/job-queue';
import type { CopySlots } from './copy-slots.ts';
import { retryDelaySeconds } from './retry-delay.ts';

const LONG_POLL_SECONDS = 20;
/** SQS returns at most this many messages for one receive. */
const DELIVERIES_AT_ONCE = 10;
const PAUSE_SECONDS = { first: 1, longest: 15 };
/**
 * How long a free slot may wait for others, so that one receive returns jobs for all of them. A receive is billed, and
 * costs as much CPU time as a small copy.
 */
const GATHER_MS = 20;
/**
 * A queue that returned few jobs is polled again once they are copied, or after this time. Preparing a receive costs as
 * much CPU time as a small copy, for which a client is waiting.
 */
const HEAD_START_MS = 5;

export interface JobWorkerOptions {
  readonly backend: Backend;
  readonly slots: CopySlots;
  /** Runs a delivery to its end and reports it; never rejects. Calls `onCopied` when the copy itself is finished. */
  readonly run: (backend: Backend, delivery: Delivery, onCopied: () => void) => Promise<void>;
  /** Called after each receive: with the error if it failed, else with `null`. */
  readonly onQueue: (backend: Backend, failure: unknown) => void;
}

/**
 * Receives the jobs of one back end until `stopping` is aborted, and runs each independently, so that a slow copy does
 * not block others. Polls a queue that does not answer again after a back-off, without end.
 * @returns when it has stopped receiving; jobs may still be running
 */
export async function receiveJobs(options: JobWorkerOptions, stopping: AbortSignal): Promise<void> {
  const { backend, slots } = options;
  let failures = 0;
  while (!stopping.aborted) {
    await untilSomeFree(slots, stopping);
    if (stopping.aborted) return;
    try {
      const max = Math.min(DELIVERIES_AT_ONCE, slots.free);
      const startedAtMs = performance.now();
      const deliveries = await backend.queue.receive({
        max,
        waitSeconds: LONG_POLL_SECONDS,
        signal: stopping,
      });
      failures = 0;
      options.onQueue(backend, null);
      // Read again, because a copy may have finished during the receive.
      const { free } = slots;
      for (const delivery of deliveries) void runInSlot(options, delivery);
      if (deliveries.length > 0 && deliveries.length < max)
        await untilFreeWithin(HEAD_START_MS, slots, free, stopping);
      // A queue at its limit of messages in flight answers a long poll at once, with nothing.
      if (deliveries.length === 0 && performance.now() - startedAtMs < 1000)
        await pause(PAUSE_SECONDS.first * 1000, stopping);
    } catch (error) {
      if (stopping.aborted) return;
      options.onQueue(backend, error);
      await pause(retryDelaySeconds(failures++, PAUSE_SECONDS) * 1000, stopping);
    }
  }
}

/** Waits until a receive is worthwhile: many slots are free, or a few have been free for a moment. */
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
  using limit = new TimeLimit(ms, () => new Error('the wait is over'));
  limit.endOn(stopping);
  await slots.untilFree(count, limit.signal);
}

async function runInSlot({ backend, slots, run }: JobWorkerOptions, delivery: Delivery): Promise<void> {
  using slot = slots.take();
  // Acknowledgements are batched, so the slot is freed for another copy before this one is acknowledged.
  await run(backend, delivery, () => slot[Symbol.dispose]());
}
