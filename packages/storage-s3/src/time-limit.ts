/**
 * A signal that is aborted after a time, or by other signals before; timer and listeners end with the block that uses it.
 * One controller for all of them: composite signals and `AbortSignal.timeout` outlive their call until they are
 * collected, which with thousands of calls a second is most of what a call costs.
 */
export class TimeLimit implements Disposable {
  readonly #controller = new AbortController();
  readonly #reason: () => Error;
  readonly #followed: (readonly [AbortSignal, () => void])[] = [];
  #timer: NodeJS.Timeout;

  constructor(limitMs: number, reason: () => Error) {
    this.#reason = reason;
    this.#timer = setTimeout(() => this.#controller.abort(this.#reason()), limitMs);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Aborted with `signal`, and for its reason. */
  endOn(signal: AbortSignal | undefined): void {
    this.#follow(signal, () => this.#controller.abort(signal?.reason));
  }

  /** Once `signal` is aborted only `graceMs` are left, and its reason is the one given. */
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
