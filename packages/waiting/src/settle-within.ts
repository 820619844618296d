/**
 * Waits for `promise`, but at most `limitMs` milliseconds.
 * @returns the value of `promise`, or `late` if the time is over or the signal is aborted first
 * @throws the reason of `promise` if it rejects in time; a later rejection is ignored
 */
export async function settleWithin<T, L>(
  promise: Promise<T>,
  limitMs: number,
  late: L,
  signal?: AbortSignal,
): Promise<T | L> {
  if (signal?.aborted || limitMs <= 0) {
    promise.catch(() => undefined);
    return late;
  }
  const { promise: over, resolve } = Promise.withResolvers<L>();
  const end = (): void => resolve(late);
  const timer = setTimeout(end, limitMs);
  signal?.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', end);
  }
}
