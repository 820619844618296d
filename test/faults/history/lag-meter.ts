const TICK_MS = 20;

/** How late this process is: the servers of a run are in it, so its own delays are nobody else's. */
export class LagMeter implements Disposable {
  readonly #now: () => number;
  readonly #lags: { readonly at: number; readonly ms: number }[] = [];
  readonly #timer: NodeJS.Timeout;
  #last: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#last = now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Sum of the delays in between, in milliseconds, each of which may have held up every server. */
  between(begin: number, end: number): number {
    let sum = 0;
    for (let index = this.#lags.length - 1; index >= 0; index -= 1) {
      const lag = this.#lags[index];
      if (lag === undefined || lag.at < begin) break;
      // `at` is when it was over: it began so much earlier.
      if (lag.at - lag.ms < end) sum += lag.ms;
    }
    return sum;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = this.#now();
    const late = now - this.#last - TICK_MS;
    this.#last = now;
    if (late > TICK_MS) this.#lags.push({ at: now, ms: late });
  }
}
