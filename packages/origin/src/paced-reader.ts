import type { Readable } from 'node:stream';

/** The origin sent less than the minimum rate, or nothing at all. */
export class TooSlowError extends Error {
  override readonly name = 'TooSlowError';
}

export interface PaceOptions {
  readonly minimumBytesPerSecond: number;
  /** Waiting time over which the rate is measured. */
  readonly windowMs: number;
}

/**
 * Reads a stream and destroys it when it is too slow. Only time spent waiting for the stream counts, so backpressure
 * from a slow consumer (a store under load) is not blamed on the origin. The rate is measured over a window, so an
 * origin that drips single bytes fails too.
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
   * Returns the next bytes, or `null` at the end. Do not call it again before the last call has settled.
   * @throws {TooSlowError}, or the stream's error
   */
  async read(): Promise<Uint8Array | null> {
    this.#startWait();
    try {
      const next = await this.#iterator.next();
      if (next.done === true) return null;
      this.#windowBytes += next.value.length;
      return next.value;
    } finally {
      clearTimeout(this.#timer);
      this.#checkRate();
    }
  }

  destroy(): void {
    this.#stream.destroy();
  }

  #startWait(): void {
    this.#waitStartedAt = performance.now();
    this.#timer = setTimeout(
      () => {
        this.#checkRate();
        // If the rate was sufficient, the same read continues into the next window.
        this.#startWait();
      },
      Math.max(1, Math.ceil(this.#options.windowMs - this.#windowWaitedMs)),
    );
  }

  /** Once the waiting time fills a window: destroys a slow stream, or starts the next window. */
  #checkRate(): void {
    this.#windowWaitedMs += performance.now() - this.#waitStartedAt;
    if (this.#windowWaitedMs < this.#options.windowMs) return;
    const { minimumBytesPerSecond } = this.#options;
    if (this.#windowBytes < (minimumBytesPerSecond * this.#windowWaitedMs) / 1000)
      this.#stream.destroy(new TooSlowError(`less than ${minimumBytesPerSecond} bytes per second`));
    this.#windowWaitedMs = 0;
    this.#windowBytes = 0;
  }
}
