/** A signal that is aborted after a time, and a timer that ends with the block that uses it. */
export class TimeLimit implements Disposable {
  readonly #controller = new AbortController();
  readonly #reason: () => Error;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout;

  constructor(limitMs: number, reason: () => Error) {
    this.#reason = reason;
    this.#timer = setTimeout(() => this.#controller.abort(this.#reason()), limitMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Once `signal` is aborted only `graceMs` are left, and its reason is the one given. */
  shortenOn(signal: AbortSignal | undefined, graceMs: number): void {
    signal?.addEventListener(
      'abort',
      () => {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#controller.abort(signal.reason), graceMs);
      },
      { once: true, signal: this.#stop.signal },
    );
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }
}
