/** Milliseconds since 1970 that never repeat: what happened later has the later time, within a millisecond as well. */
export class IncreasingClock {
  #last = 0;

  now(): number {
    // Steps that a double and the time stamps of file systems both hold.
    this.#last = Math.max(Date.now(), this.#last + 0.01);
    return this.#last;
  }
}
