import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for `ms` milliseconds, or until `signal` is aborted. Never rejects; check `signal.aborted` to tell which. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
