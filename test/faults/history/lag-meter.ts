const TICK_MS = 20;

/** Measures the delays of the test process, whose servers are part of the run, so that the mirror is not blamed for them. */
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

  /** Sum of the delays in the time span, in milliseconds. Each may have delayed every server. */
  between(begin: number, end: number): number {
    let sum = 0;
    for (let index = this.#lags.length - 1; index >= 0; index -= 1) {
      const lag = this.#lags[index];
      if (lag === undefined || lag.at < begin) break;
      // `at` is the end of the delay.
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
