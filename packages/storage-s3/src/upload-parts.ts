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

const MIB = 1024 * 1024;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MOST_PARTS = 10_000;

/**
 * Size of part `number` (from 1) of an upload.
 *
 * Known length: all parts are equal, as large as 10,000 parts need, in whole MiB.
 * Unknown: parts grow with the square of their number, slowly while the object is small: 100 GiB are reached at part
 * 2,450 with parts of about 100 MiB, 5 TiB (the largest object of S3) before part 10,000 with parts below 1.6 GiB.
 */
export function partSize(number: number, sizeBytes: number | null, partBytes: number): number {
  if (sizeBytes !== null) {
    const needed = Math.ceil(sizeBytes / MOST_PARTS);
    return needed <= partBytes ? partBytes : Math.ceil(needed / MIB) * MIB;
  }
  return partBytes + Math.floor((number / 250) ** 2) * MIB;
}

/** How many parts of `size` bytes may travel at once so that memory stays where `partBytes` puts it. */
export function partsAtOnce(size: number, partBytes: number, partsInFlight: number): number {
  return Math.max(1, Math.floor((partsInFlight * partBytes) / size));
}

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
