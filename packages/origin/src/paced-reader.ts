import type { Readable } from 'node:stream';

/** The origin sent less than the minimum rate, or nothing at all. */
export class TooSlowError extends Error {
  override readonly name = 'TooSlowError';
}

export interface PaceOptions {
  readonly minimumBytesPerSecond: number;
  /** Over how much waiting the rate is judged. */
  readonly windowMs: number;
}

/**
 * Reads a stream and breaks it off when it is too slow. Only time spent waiting for the stream counts, so a consumer
 * that takes its time (a store under load) does not make the origin slow; and the rate is taken over a window, so a
 * drip of single bytes does not pass for progress.
 */
export class PacedReader {
  readonly #stream: Readable;
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #options: PaceOptions;
  #windowWaitedMs = 0;
  #windowBytes = 0;
  #waitStartedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: Readable, options: PaceOptions) {
    this.#stream = stream;
    this.#iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    this.#options = options;
  }

  /**
   * The next bytes; `null` at the end. Not to be called before the last call has settled.
   * @throws {TooSlowError}, or what the stream failed with
   */
  async read(): Promise<Uint8Array | null> {
    this.#wait();
    try {
      const next = await this.#iterator.next();
      if (next.done === true) return null;
      this.#windowBytes += next.value.length;
      return next.value;
    } finally {
      clearTimeout(this.#timer);
      this.#judge();
    }
  }

  destroy(): void {
    this.#stream.destroy();
  }

  #wait(): void {
    this.#waitStartedAt = performance.now();
    this.#timer = setTimeout(
      () => {
        this.#judge();
        // The window's bytes were enough; the wait goes on into the next one.
        this.#wait();
      },
      Math.max(1, Math.ceil(this.#options.windowMs - this.#windowWaitedMs)),
    );
  }

  /** Once a window's worth of waiting is over: breaks the stream off, or begins the next window. */
  #judge(): void {
    this.#windowWaitedMs += performance.now() - this.#waitStartedAt;
    if (this.#windowWaitedMs < this.#options.windowMs) return;
    const { minimumBytesPerSecond } = this.#options;
    if (this.#windowBytes < (minimumBytesPerSecond * this.#windowWaitedMs) / 1000)
      this.#stream.destroy(new TooSlowError(`less than ${minimumBytesPerSecond} bytes per second`));
    this.#windowWaitedMs = 0;
    this.#windowBytes = 0;
  }
}
