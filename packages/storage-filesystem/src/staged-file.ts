import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Disk, DiskFile } from './disk.ts';
import { isAbsent, isFull, toStorageError } from './filesystem-error.ts';

/** A temporary file that is not visible as an object yet. Disposal removes it unless it was renamed. */
export class StagedFile implements AsyncDisposable {
  readonly path: string;
  readonly #disk: Disk;
  readonly #handle: DiskFile;
  readonly #makeRoom: () => Promise<void>;
  readonly #digest = createHash('sha256');
  #roomMade = false;
  #bytes = 0;
  #closed = false;

  private constructor(disk: Disk, path: string, handle: DiskFile, makeRoom: () => Promise<void>) {
    this.#disk = disk;
    this.path = path;
    this.#handle = handle;
    this.#makeRoom = makeRoom;
  }

  /** @param makeRoom called once if the disk is full, before the failed write is retried */
  static async create(disk: Disk, directory: string, makeRoom: () => Promise<void>): Promise<StagedFile> {
    const path = join(directory, `${process.pid}-${randomUUID()}.temporary`);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    const create = (): Promise<DiskFile> => disk.open(path, flags, 0o644);
    try {
      let handle: DiskFile;
      try {
        handle = await create();
      } catch (error) {
        if (!isAbsent(error)) throw error;
        await disk.mkdir(dirname(path));
        handle = await create();
      }
      return new StagedFile(disk, path, handle, makeRoom);
    } catch (error) {
      throw toStorageError(error, 'creating a file');
    }
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Appends a chunk of the body. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#digest.update(chunk);
    await this.#append(chunk);
  }

  /** The SHA-256 of the body followed by `description`, in hex. No more chunks may be written. */
  digest(description: string): string {
    return this.#digest.update(description).digest('hex');
  }

  /** Appends the footer, flushes the file to disk, and sets its times to `nowMs` (milliseconds since 1970). */
  async finish(footer: Buffer, nowMs: number): Promise<void> {
    await this.#append(footer);
    await this.#orMakeRoom('writing a file', () => this.#handle.sync());
    try {
      await this.#handle.utimes(nowMs / 1000, nowMs / 1000);
      await this.#close();
    } catch (error) {
      throw toStorageError(error, 'writing a file');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#close();
    } finally {
      await this.#disk.rm(this.path, { force: true });
    }
  }

  async #append(chunk: Uint8Array): Promise<void> {
    let written = 0;
    while (written < chunk.length) {
      const bytesWritten = await this.#orMakeRoom('writing a file', () =>
        this.#handle.write(chunk, written, chunk.length - written, this.#bytes),
      );
      written += bytesWritten;
      this.#bytes += bytesWritten;
    }
  }

  async #orMakeRoom<T>(what: string, operation: () => Promise<T>): Promise<T> {
    try {
      try {
        return await operation();
      } catch (error) {
        if (!isFull(error) || this.#roomMade) throw error;
        this.#roomMade = true;
        await this.#makeRoom();
        return await operation();
      }
    } catch (error) {
      throw toStorageError(error, what);
    }
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#handle.close();
  }
}
