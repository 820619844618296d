import type { StoreClock } from '@cloud-mirror/storage-provider';

/** The clock of a store, as its answers tell it in their header `Date` (RFC 9110, section 6.6.1), in whole seconds. */
export class AnsweredClock implements StoreClock {
  #aheadMs = 0;

  get aheadMs(): number {
    return this.#aheadMs;
  }

  nowMs(): number {
    return Date.now() - this.#aheadMs;
  }

  /**
   * Compares an answer's `Date` with the time in which the store must have written it, however long the call took.
   * @param startedAtMs when the request was sent, by this machine's clock
   */
  observe(date: string | undefined, startedAtMs: number): void {
    const storeMs = Date.parse(date ?? '');
    if (Number.isNaN(storeMs)) return;
    const aheadMs = startedAtMs - (storeMs + 999);
    const behindMs = storeMs - Date.now();
    this.#aheadMs = aheadMs > 0 ? aheadMs : behindMs > 0 ? -behindMs : 0;
  }
}
