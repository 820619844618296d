/**
 * How many copies run at once, whatever back end they are for. A worker looks for a free slot before it asks its queue
 * for jobs, so that what it cannot begin stays where another worker gets it.
 */
export class CopySlots {
  readonly #total: number;
  #taken = 0;
  readonly #waiting = new Set<() => void>();

  constructor(total: number) {
    this.#total = total;
  }

  get total(): number {
    return this.#total;
  }

  get free(): number {
    return Math.max(0, this.#total - this.#taken);
  }

  get taken(): number {
    return this.#taken;
  }

  /**
   * Takes a slot, free or not: two workers may have seen the same free one, and a job that was received is better begun
   * than kept waiting behind a long copy.
   */
  take(): Disposable {
    this.#taken++;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#taken--;
        this.#wake();
      },
    };
  }

  /** Resolves once `count` slots are free, or the signal is aborted. */
  async untilFree(count: number, signal: AbortSignal): Promise<void> {
    while (this.free < count && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      const wake = (): void => resolve();
      signal.addEventListener('abort', wake, { once: true });
      await promise;
      signal.removeEventListener('abort', wake);
      this.#waiting.delete(resolve);
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }
}
