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
 * If no slot becomes free for this long, jobs are received nevertheless: behind those that wait there may be one of a
 * host that holds few slots. Shorter waits leave the jobs to other copiers.
 */
const LOOK_AHEAD_MS = 250;
/** Pause after a receive that looked ahead and was full, so that a long queue of jobs that may not run costs few calls. */
const LOOK_AHEAD_PAUSE_MS = 20;
/**
 * A queue that returned few jobs is polled again once they are copied, or after this time. Preparing a receive costs as
 * much CPU time as a small copy, for which a client is waiting.
 */
const HEAD_START_MS = 5;

export interface JobWorkerOptions {
  readonly backend: Backend;
  readonly slots: CopySlots;
  /** Waits for a slot, runs the delivery to its end and reports it; never rejects. */
  readonly run: (backend: Backend, delivery: Delivery) => Promise<void>;
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
    const isLookingAhead = slots.free === 0;
    try {
      const max = isLookingAhead ? DELIVERIES_AT_ONCE : Math.min(DELIVERIES_AT_ONCE, slots.free);
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
      for (const delivery of deliveries) void options.run(backend, delivery);
      // A full batch: more are waiting.
      if (isLookingAhead && deliveries.length === max) await pause(LOOK_AHEAD_PAUSE_MS, stopping);
      if (!isLookingAhead && deliveries.length > 0 && deliveries.length < max)
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

/**
 * Waits until a receive is worthwhile: many slots are free, a few have been free for a moment, or none has been free for
 * {@link LOOK_AHEAD_MS}.
 */
async function untilSomeFree(slots: CopySlots, stopping: AbortSignal): Promise<void> {
  while (slots.free === 0 && !stopping.aborted) {
    const fullForMs = performance.now() - (slots.fullSinceMs ?? performance.now());
    if (fullForMs >= LOOK_AHEAD_MS) return;
    await untilFreeWithin(Math.ceil(LOOK_AHEAD_MS - fullForMs), slots, 1, stopping);
  }
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
