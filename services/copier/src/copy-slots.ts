/**
 * Limits the copies that run at once, for all back ends together. A worker waits for a free slot before it receives
 * jobs, so that jobs it cannot start stay in the queue for other workers.
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
   * Takes a slot, even if none is free. Two workers may have seen the same free slot, and a received job should start
   * rather than wait behind a long copy.
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

  /** Resolves once `count` slots are free or the signal is aborted. */
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
