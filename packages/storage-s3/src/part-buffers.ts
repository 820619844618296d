/**
 * Buffers for parts, used again and again: memory that is freed and taken anew for each part costs page faults and
 * leaves it to the garbage collector when it goes. Only buffers of the usual size are kept, and no more than `most`.
 */
export class PartBuffers {
  readonly #usualBytes: number;
  readonly #most: number;
  readonly #free: Buffer[] = [];

  constructor(usualBytes: number, most: number) {
    this.#usualBytes = usualBytes;
    this.#most = most;
  }

  take(sizeBytes: number): Buffer {
    const kept = sizeBytes === this.#usualBytes ? this.#free.pop() : undefined;
    return kept ?? Buffer.allocUnsafeSlow(sizeBytes);
  }

  /** Only once nothing reads the buffer any more. */
  giveBack(buffer: Buffer): void {
    if (buffer.length === this.#usualBytes && this.#free.length < this.#most) this.#free.push(buffer);
  }

  clear(): void {
    this.#free.length = 0;
  }
}
