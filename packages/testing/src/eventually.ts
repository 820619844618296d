import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Default: 20 seconds. It ends a wait that would never end, and is no expectation of speed. */
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
}

/**
 * Calls `fn` until it neither throws nor returns `false`, `null` or `undefined`.
 * @returns the last result of `fn`
 * @throws Error with the last failure as its cause, after the time limit
 */
export async function eventually<T>(
  fn: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const { timeoutMs = 20_000, intervalMs = 50 } = options;
  const until = performance.now() + timeoutMs;
  for (;;) {
    let failure: unknown;
    try {
      const outcome = await fn();
      if (outcome !== false && outcome !== null && outcome !== undefined) {
        return outcome as Exclude<T, false | null | undefined>;
      }
      failure = `it returned ${String(outcome)}`;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > until) {
      const why = failure instanceof Error ? failure.message : String(failure);
      throw new Error(`not within ${timeoutMs} ms: ${why}`, { cause: failure });
    }
    await delay(intervalMs);
  }
}
