import { constants } from 'node:fs';
import type { MeasuredObject, OpenObject } from '@cloud-mirror/storage-provider';
import { StorageError } from '@cloud-mirror/storage-provider';
import type { Disk, DiskFile } from './disk.ts';
import { isAbsent, systemCode, toStorageError } from './filesystem-error.ts';
import type { ObjectDescription } from './object-file.ts';
import type { ObjectPlace } from './object-paths.ts';
import { readDescription, toStoredObject } from './object-file.ts';

/** Bounds the memory of a stalled reader, which holds a few chunks. There may be thousands of readers. */
const CHUNK_BYTES = 128 * 1024;

/** `damaged`: the file has no valid description. `foreign`: it contains the object of another key. */
export type FileFault = 'damaged' | 'foreign';

/** The open file of an object. It stays readable after the object is replaced or removed. */
export class OpenObjectFile implements OpenObject {
  readonly description: ObjectDescription;
  readonly object: MeasuredObject;
  readonly key: string;
  readonly handle: DiskFile;
  readonly fileBytes: number;
  readonly #closed: AbortSignal;
  readonly #cut = new AbortController();
  #onDispose: (() => void) | null = null;

  private constructor(
    handle: DiskFile,
    fileBytes: number,
    description: ObjectDescription,
    closed: AbortSignal,
  ) {
    this.handle = handle;
    this.fileBytes = fileBytes;
    this.description = description;
    this.key = description.key;
    this.object = toStoredObject(description);
    this.#closed = closed;
  }

  /**
   * Opens the file at `place`. A file contains its own key, so a file under another object's name is detected.
   * @returns `null` if there is no file, or a {@link FileFault} if the file does not contain the object of this place
   */
  static async open(
    disk: Disk,
    place: Pick<ObjectPlace, 'file' | 'holds'>,
    closed: AbortSignal,
  ): Promise<OpenObjectFile | FileFault | null> {
    let handle: DiskFile;
    try {
      handle = await openQuietly(disk, place.file);
    } catch (error) {
      if (isAbsent(error)) return null;
      throw toStorageError(error, 'opening an object');
    }
    let fault: FileFault = 'damaged';
    try {
      const found = await handle.stat();
      const size = found.size;
      const description = found.isFile() ? await readDescription(handle, size) : null;
      if (description !== null && place.holds(description.key))
        return new OpenObjectFile(handle, size, description, closed);
      if (description !== null) fault = 'foreign';
    } catch (error) {
      await handle.close();
      throw toStorageError(error, 'reading an object');
    }
    await handle.close();
    return fault;
  }

  async *read(start: number, endExclusive: number): AsyncGenerator<Uint8Array, void, undefined> {
    const end = Math.min(endExclusive, this.object.sizeBytes);
    for (let at = Math.max(0, start); at < end;) {
      this.#closed.throwIfAborted();
      this.#cut.signal.throwIfAborted();
      // Each chunk has its own buffer, because the reader may still use the previous one.
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at));
      const bytesRead = await this.#readAt(buffer, at);
      if (bytesRead === 0)
        throw new StorageError('store_corrupt', 'an object became shorter while it was read');
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  get withdrawn(): AbortSignal {
    return this.#cut.signal;
  }

  /** Ends reading, so that the reader disposes of the file and its bytes become free. */
  withdraw(reason: StorageError): void {
    this.#cut.abort(reason);
  }

  onDispose(call: () => void): void {
    this.#onDispose = call;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#onDispose?.();
    await this.handle.close();
  }

  async #readAt(buffer: Buffer, position: number): Promise<number> {
    try {
      return await this.handle.read(buffer, 0, buffer.length, position);
    } catch (error) {
      throw toStorageError(error, 'reading an object');
    }
  }
}

/** Reads the description in the file at `place`; `null` if there is no file, or one with a {@link FileFault}. */
export async function describeFile(
  disk: Disk,
  place: Pick<ObjectPlace, 'file' | 'holds'>,
  closed: AbortSignal,
): Promise<ObjectDescription | null> {
  const opened = await OpenObjectFile.open(disk, place, closed);
  if (opened === null || typeof opened === 'string') return null;
  await using object = opened;
  return object.description;
}

/** Opens without an update of the access time, if the system can: that time records the last use by a client. */
async function openQuietly(disk: Disk, file: string): Promise<DiskFile> {
  const quietly = (constants as { readonly O_NOATIME?: number }).O_NOATIME ?? 0;
  // Without O_NONBLOCK, the opening of a FIFO would wait for a writer. For regular files it changes nothing.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  try {
    return await disk.open(file, flags | quietly);
  } catch (error) {
    if (quietly === 0 || systemCode(error) !== 'EPERM') throw error;
    return disk.open(file, flags);
  }
}
