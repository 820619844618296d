/** A clock whose times, in milliseconds since 1970, always increase, also within one millisecond. */
export class IncreasingClock {
  #last = 0;

  now(): number {
    // This step is exact enough for both a double and the timestamps of file systems.
    this.#last = Math.max(Date.now(), this.#last + 0.01);
    return this.#last;
  }
}
