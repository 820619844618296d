/**
 * Yields the chunks of `body`, but throws the signal's reason as soon as it is aborted, even if `body` never settles.
 * If `body` has not ended by itself, its `return` is called but not awaited, because it may hang.
 */
export async function* interruptible(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = body[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const result = await nextOrAbort(iterator, signal);
      if (result.done === true) {
        ended = true;
        return;
      }
      yield result.value;
    }
  } finally {
    if (!ended) dismiss(iterator);
  }
}

// Each wait has its own listener, removed afterwards. A race against one long-lived promise would keep the continuation
// of every chunk in memory until the end of the body.
function nextOrAbort(
  iterator: AsyncIterator<Uint8Array>,
  signal: AbortSignal,
): Promise<IteratorResult<Uint8Array>> {
  return new Promise((resolve, reject) => {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    iterator
      .next()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function dismiss(iterator: AsyncIterator<Uint8Array>): void {
  // The put already fails for another reason, so an error from `return` is ignored.
  const ignore = (): void => {};
  try {
    iterator.return?.().then(ignore, ignore);
  } catch {
    // A synchronous throw of `return` is ignored like a rejection.
  }
}
