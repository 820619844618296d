/**
 * Yields what `body` yields, but throws the signal's reason as soon as it is aborted, also where `body` never answers.
 * However it ends, `body` is told to return; a body that does not come back from that is not waited for.
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

// One listener for each wait and none that outlives it: a race against one long-lived promise would keep every chunk's
// continuation until the end of the body.
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
  // The put fails for another reason already; how the body takes its dismissal changes nothing.
  const ignore = (): void => {};
  try {
    iterator.return?.().then(ignore, ignore);
  } catch {
    // A return that throws at once is as good as one that rejects.
  }
}
