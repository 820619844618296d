import type { Dirent, Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { access, link, mkdir, open, opendir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { FileCalls, type FileCallLimits } from './file-calls.ts';

/**
 * The file calls of one back end, as in `node:fs/promises` and with the same errors, but bounded by {@link FileCalls}:
 * a disk that hangs takes neither all threads of the process nor its callers' time.
 */
export class Disk {
  readonly #calls: FileCalls;

  constructor(limits: FileCallLimits) {
    this.#calls = new FileCalls(limits);
  }

  /** Lets no caller wait longer than `ms` milliseconds from now on. */
  shorten(ms: number): void {
    this.#calls.shorten(ms);
  }

  async open(file: string, flags: number | string, mode?: number): Promise<DiskFile> {
    const handle = await this.#calls.run({
      what: 'opening a file',
      takes: 'short',
      make: () => open(file, flags, mode),
      onLate: (late) => void late.close().catch(() => undefined),
    });
    return new DiskFile(handle, this.#calls);
  }

  access(file: string, mode: number): Promise<void> {
    return this.#short('checking a file', () => access(file, mode));
  }

  stat(file: string): Promise<Stats> {
    return this.#short('looking up a file', () => stat(file));
  }

  readdir(directory: string): Promise<string[]> {
    return this.#short('listing a directory', () => readdir(directory));
  }

  /** The entries of a directory, which may be large. */
  async *entriesOf(directory: string): AsyncGenerator<Dirent, void, undefined> {
    const opened = await this.#calls.run({
      what: 'listing a directory',
      takes: 'short',
      make: () => opendir(directory),
      onLate: (late) => void late.close().catch(() => undefined),
    });
    let failed = false;
    try {
      for (;;) {
        const entry = await this.#short('listing a directory', () => opened.read());
        if (entry === null) return;
        yield entry;
      }
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      // A directory closes once its last call has ended, so nobody waits for one that hangs.
      if (failed) void opened.close().catch(() => undefined);
      else await this.#short('listing a directory', () => opened.close());
    }
  }

  /** @returns the first directory that was created; undefined if all existed */
  mkdir(directory: string): Promise<string | undefined> {
    return this.#short('creating a directory', () => mkdir(directory, { recursive: true }));
  }

  link(existing: string, created: string): Promise<void> {
    return this.#long('linking a file', () => link(existing, created));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#long('renaming a file', () => rename(from, to));
  }

  rm(file: string, options: { readonly force?: boolean } = {}): Promise<void> {
    return this.#long('removing a file', () => rm(file, options));
  }

  writeFile(file: string, text: string): Promise<void> {
    return this.#long('writing a file', () => writeFile(file, text));
  }

  #short<T>(what: string, make: () => Promise<T>): Promise<T> {
    return this.#calls.run({ what, takes: 'short', make });
  }

  #long<T>(what: string, make: () => Promise<T>): Promise<T> {
    return this.#calls.run({ what, takes: 'long', make });
  }
}

/** An open file of a {@link Disk}. */
export class DiskFile {
  readonly #handle: FileHandle;
  readonly #calls: FileCalls;
  /** Calls that have not ended, whether or not somebody still waits for them. */
  #unfinished = 0;

  constructor(handle: FileHandle, calls: FileCalls) {
    this.#handle = handle;
    this.#calls = calls;
  }

  stat(): Promise<Stats> {
    return this.#run('reading a file', 'short', () => this.#handle.stat());
  }

  /**
   * If the call fails, `buffer` may still be written to later.
   * @returns the number of bytes read; 0 at the end of the file
   */
  async read(buffer: Buffer, offset: number, length: number, position: number): Promise<number> {
    const read = () => this.#handle.read(buffer, offset, length, position);
    return (await this.#run('reading a file', 'short', read)).bytesRead;
  }

  /** @returns the number of bytes written, which may be fewer than `length` */
  async write(chunk: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    const write = () => this.#handle.write(chunk, offset, length, position);
    return (await this.#run('writing a file', 'long', write)).bytesWritten;
  }

  sync(): Promise<void> {
    return this.#run('flushing a file', 'long', () => this.#handle.sync());
  }

  /** @param accessedAt seconds since 1970 */
  utimes(accessedAt: number, modifiedAt: number | Date): Promise<void> {
    return this.#run('setting the times of a file', 'short', () =>
      this.#handle.utimes(accessedAt, modifiedAt),
    );
  }

  async close(): Promise<void> {
    // Node closes the file after its last call has ended. Nobody waits for one that hangs.
    if (this.#unfinished > 0) void this.#handle.close().catch(() => undefined);
    else await this.#run('closing a file', 'short', () => this.#handle.close());
  }

  #run<T>(what: string, takes: 'short' | 'long', call: () => Promise<T>): Promise<T> {
    const make = async (): Promise<T> => {
      this.#unfinished += 1;
      try {
        return await call();
      } finally {
        this.#unfinished -= 1;
      }
    };
    return this.#calls.run({ what, takes, make });
  }
}
