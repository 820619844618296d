import { StorageError } from './storage-error.ts';

/** Counts the bytes of a body and holds them against the length that was announced. */
export class BodyLength {
  readonly #announced: number | null;
  #received = 0;

  constructor(announced: number | null) {
    this.#announced = announced;
  }

  get received(): number {
    return this.#received;
  }

  /** @throws StorageError `store_rejected`, retryable, as soon as there are more than announced */
  add(bytes: number): void {
    this.#received += bytes;
    if (this.#announced !== null && this.#received > this.#announced) throw this.#wrong('more');
  }

  /** @throws StorageError `store_rejected`, retryable, where there are fewer than announced */
  end(): void {
    if (this.#announced !== null && this.#received < this.#announced)
      throw this.#wrong(String(this.#received));
  }

  #wrong(received: string): StorageError {
    return new StorageError(
      'store_rejected',
      `the body has ${received} bytes where ${this.#announced} were announced`,
      { retryable: true },
    );
  }
}
