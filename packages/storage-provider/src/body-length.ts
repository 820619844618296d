import { StorageError } from './storage-error.ts';

/** Counts the bytes of a body and compares them with the announced length. */
export class BodyLength {
  readonly #announced: number | null;
  #received = 0;

  constructor(announced: number | null) {
    this.#announced = announced;
  }

  get received(): number {
    return this.#received;
  }

  /** @throws StorageError `store_rejected`, retryable, as soon as there are more bytes than announced */
  add(bytes: number): void {
    this.#received += bytes;
    if (this.#announced !== null && this.#received > this.#announced) throw this.#wrong('more');
  }

  /** @throws StorageError `store_rejected`, retryable, if there were fewer bytes than announced */
  end(): void {
    if (this.#announced !== null && this.#received < this.#announced)
      throw this.#wrong(String(this.#received));
  }

  #wrong(received: string): StorageError {
    return new StorageError(
      'store_rejected',
      `the body has ${received} bytes, but ${this.#announced} were announced`,
      { retryable: true },
    );
  }
}
