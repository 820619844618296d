/**
 * A signal that is aborted after a time limit, or when another signal is. Disposal clears its timer and listeners.
 * One controller serves all sources: the signals of `AbortSignal.any` and `AbortSignal.timeout` stay in memory until
 * garbage collection, which dominates the cost of a call at thousands of calls a second.
 */
export class TimeLimit implements Disposable {
  readonly #controller = new AbortController();
  readonly #reason: () => Error;
  readonly #followed: (readonly [AbortSignal, () => void])[] = [];
  #timer: NodeJS.Timeout;
  #timedOut = false;

  /** @param reason creates the abort reason for when the time is over */
  constructor(limitMs: number, reason: () => Error) {
    this.#reason = reason;
    this.#timer = setTimeout(() => {
      this.#timedOut = !this.signal.aborted;
      this.#controller.abort(this.#reason());
    }, limitMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the signal was aborted because the time is over. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  /** Aborts when `signal` does, with its reason. */
  endOn(signal: AbortSignal | undefined): void {
    this.#follow(signal, () => this.#controller.abort(signal?.reason));
  }

  /** Once `signal` is aborted, leaves a grace period of `graceMs`, then aborts with the reason of `signal`. */
  shortenOn(signal: AbortSignal | undefined, graceMs: number): void {
    this.#follow(signal, () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#controller.abort(signal?.reason), graceMs);
    });
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#followed) signal.removeEventListener('abort', listener);
    clearTimeout(this.#timer);
  }

  #follow(signal: AbortSignal | undefined, listener: () => void): void {
    if (signal === undefined) return;
    if (signal.aborted) return listener();
    signal.addEventListener('abort', listener);
    this.#followed.push([signal, listener]);
  }
}

/**
 * Waits for `work`, but rejects with the reason of `signal` as soon as it is aborted, even if `work` ignores the signal.
 * After that, a rejection of `work` is ignored.
 */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

export interface RunLimits {
  readonly limitMs: number;
  /** Creates the error with which the call rejects when its time is over. */
  readonly reason: () => Error;
  /** Signals that end the call earlier, each with its own reason. */
  readonly signals?: readonly (AbortSignal | undefined)[] | undefined;
}

/**
 * Runs `work` within a time limit. Rejects when the time is over or a signal is aborted, even if `work` ignores the
 * signal that it receives. If a signal is already aborted, `work` does not start.
 */
export async function runWithin<T>(
  { limitMs, reason, signals = [] }: RunLimits,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  using limit = new TimeLimit(limitMs, reason);
  for (const signal of signals) limit.endOn(signal);
  limit.signal.throwIfAborted();
  return await orAborted(work(limit.signal), limit.signal);
}
