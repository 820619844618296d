import { BodyLength } from '@cloud-mirror/storage-provider';

/** Cuts a body into pieces of chosen sizes and holds its length against the one announced. */
export class BodyReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #length: BodyLength;
  #rest: Uint8Array = new Uint8Array(0);
  #readBytes = 0;
  #ended = false;

  constructor(body: AsyncIterable<Uint8Array>, sizeBytes: number | null) {
    this.#chunks = body[Symbol.asyncIterator]();
    this.#length = new BodyLength(sizeBytes);
  }

  /** Bytes taken out of the body so far. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /**
   * Fills `target` as far as the body goes. Less than the whole: the body has ended, and with the announced length.
   * @throws StorageError `store_rejected`, retryable, where the body is longer or shorter than announced
   */
  async fill(target: Buffer): Promise<number> {
    let filled = 0;
    while (filled < target.length && (await this.#nextChunk())) {
      const taken = Math.min(this.#rest.length, target.length - filled);
      target.set(this.#rest.subarray(0, taken), filled);
      this.#rest = this.#rest.subarray(taken);
      filled += taken;
    }
    this.#readBytes += filled;
    return filled;
  }

  /** Whether nothing follows. Reads on until it knows. */
  async atEnd(): Promise<boolean> {
    return !(await this.#nextChunk());
  }

  /** Tells the body that no more of it is wanted. */
  async dismiss(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #nextChunk(): Promise<boolean> {
    while (this.#rest.length === 0 && !this.#ended) {
      const result = await this.#chunks.next();
      if (result.done === true) this.#end();
      else this.#take(result.value);
    }
    return this.#rest.length > 0;
  }

  #take(chunk: Uint8Array): void {
    this.#rest = chunk;
    this.#length.add(chunk.length);
  }

  #end(): void {
    this.#ended = true;
    this.#length.end();
  }
}
