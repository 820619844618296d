import { BodyLength } from '@cloud-mirror/storage-provider';

/** Reads a body in pieces of chosen sizes, and compares its length with the announced one. */
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

  /** Bytes read from the body so far. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /**
   * Fills `target` from the body.
   * @returns the number of bytes read; less than the length of `target` only if the body has ended
   * @throws StorageError `store_rejected`, retryable, if the body is longer or shorter than announced
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

  /** Whether the body has ended. Reads the next chunk to find out. */
  async atEnd(): Promise<boolean> {
    return !(await this.#nextChunk());
  }

  /** Closes the body. */
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

const MIB = 1024 * 1024;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MOST_PARTS = 10_000;

/**
 * Size of upload part `number` (from 1).
 *
 * If the length is known, all parts have the same size: `partBytes`, or as many whole MiB as 10,000 parts need.
 * If it is unknown, part sizes grow with the square of their number, slowly for small objects. 100 GiB are reached at part
 * 2,450, with parts of about 100 MiB; 5 TiB (the maximum of S3) before part 10,000, with parts below 1.6 GiB.
 */
export function partSize(number: number, sizeBytes: number | null, partBytes: number): number {
  if (sizeBytes !== null) {
    const needed = Math.ceil(sizeBytes / MOST_PARTS);
    return needed <= partBytes ? partBytes : Math.ceil(needed / MIB) * MIB;
  }
  return partBytes + Math.floor((number / 250) ** 2) * MIB;
}

/** How many parts of `size` bytes may be in flight within the memory of `partsInFlight` parts of `partBytes`. */
export function partsAtOnce(size: number, partBytes: number, partsInFlight: number): number {
  return Math.max(1, Math.floor((partsInFlight * partBytes) / size));
}

/**
 * A pool of buffers for upload parts. A new allocation for each part would cause page faults, and garbage collection would
 * free it late. Only buffers of the usual size are pooled, at most `most`.
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

  /** Returns a buffer to the pool. The caller must not use it afterwards. */
  giveBack(buffer: Buffer): void {
    if (buffer.length === this.#usualBytes && this.#free.length < this.#most) this.#free.push(buffer);
  }

  clear(): void {
    this.#free.length = 0;
  }
}
