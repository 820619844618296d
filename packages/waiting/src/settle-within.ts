/**
 * Waits for `promise`, `limitMs` milliseconds at the most.
 * @returns its value, or `late` where the time or the signal came first; rejects only as `promise` does
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
