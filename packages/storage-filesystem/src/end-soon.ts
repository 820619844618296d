/**
 * Waits for `work`, but once `signal` is aborted only for another `graceMs` milliseconds: work on a disk that hangs cannot
 * be interrupted. It goes on in the background, and its result is ignored.
 * @throws the reason of `signal`
 */
export async function endSoon<T>(work: Promise<T>, signal: AbortSignal, graceMs: number): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => reject(signal.reason as Error), graceMs);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
