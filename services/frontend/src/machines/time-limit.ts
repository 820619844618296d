/** Rejects with a TimeoutError after `limitMs`, also where `work` does not heed the signal. */
export async function withinTimeLimit<T>(
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const signal = AbortSignal.timeout(limitMs);
  const { promise: over, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work(signal), over]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
