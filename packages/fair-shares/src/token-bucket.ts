/** A token bucket. Its clock is `performance.now()`, which callers pass. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAtMs = -Infinity;

  /** @param burst the most tokens that it holds; it is full at first */
  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** @returns the time until `amount` tokens are there, in milliseconds; 0 if they are */
  waitMs(amount: number, nowMs: number): number {
    this.#fill(nowMs);
    const missing = amount - this.#tokens;
    return missing <= 0 ? 0 : (missing / this.#perSecond) * 1000;
  }

  /**
   * Takes `amount` tokens, even if they are not there: the bucket then owes them.
   * @returns the time until it owes none, in milliseconds. The caller must wait that long.
   */
  spend(amount: number, nowMs: number): number {
    this.#fill(nowMs);
    this.#tokens -= amount;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1000;
  }

  #fill(nowMs: number): void {
    const filled = this.#tokens + ((nowMs - this.#filledAtMs) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#burst, filled);
    this.#filledAtMs = nowMs;
  }
}
