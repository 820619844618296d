import { StorageError } from '@cloud-mirror/storage-provider';
import { systemCode } from './filesystem-error.ts';
import type { OpenObjectFile } from './open-object-file.ts';

const CHECK_INTERVAL_MS = 1_000;

/**
 * The files that clients are reading. A file that is evicted, replaced or purged keeps its bytes on the disk until its
 * last reader closes it, so such files are measured, and their readers are cut beyond a limit. A file without a name in
 * any folder has no links left, which also holds if another process has removed it.
 */
export class ReadFiles {
  readonly #mostBytes: () => number;
  /** In the order of their opening. */
  readonly #files = new Set<OpenObjectFile>();
  #removedBytes = 0;
  #cut = 0;
  #timer: NodeJS.Timeout | null = null;

  /** @param mostBytes how many bytes removed files may hold now */
  constructor(mostBytes: () => number) {
    this.#mostBytes = mostBytes;
  }

  /** Bytes on the disk that removed files hold, at the last check. */
  get removedBytes(): number {
    return this.#removedBytes;
  }

  /** How many readers have been cut. */
  get cut(): number {
    return this.#cut;
  }

  add(file: OpenObjectFile): void {
    this.#files.add(file);
    file.onDispose(() => this.#remove(file));
    this.#timer ??= setInterval(() => void this.check(), CHECK_INTERVAL_MS).unref();
  }

  /** Cuts the readers of the removed files that were opened first, until the others hold at most `mostBytes`. */
  async check(): Promise<void> {
    const removed = new Map<string, { readonly bytes: number; readonly files: OpenObjectFile[] }>();
    for (const file of [...this.#files]) {
      if (file.withdrawn.aborted) continue;
      const found = await linksOf(file);
      if (found === null || found.links > 0) continue;
      const known = removed.get(found.inode);
      if (known === undefined) removed.set(found.inode, { bytes: file.fileBytes, files: [file] });
      else known.files.push(file);
    }
    let bytes = [...removed.values()].reduce((sum, one) => sum + one.bytes, 0);
    const mostBytes = this.#mostBytes();
    for (const one of removed.values()) {
      if (bytes <= mostBytes) break;
      for (const file of one.files) file.withdraw(cutReason());
      this.#cut += one.files.length;
      bytes -= one.bytes;
    }
    this.#removedBytes = bytes;
  }

  [Symbol.dispose](): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #remove(file: OpenObjectFile): void {
    this.#files.delete(file);
    if (this.#files.size > 0) return;
    this.#removedBytes = 0;
    this[Symbol.dispose]();
  }
}

function cutReason(): StorageError {
  return new StorageError(
    'store_full',
    'a reader was cut: its object has been removed, and removed objects that are still being read hold too many bytes',
  );
}

/** Null if the file was closed meanwhile, or if the disk does not answer. */
async function linksOf({
  handle,
}: OpenObjectFile): Promise<{ readonly links: number; readonly inode: string } | null> {
  try {
    const { nlink, dev, ino } = await handle.stat();
    return { links: nlink, inode: `${dev}:${ino}` };
  } catch (error) {
    if (error instanceof StorageError || systemCode(error) === 'EBADF') return null;
    throw error;
  }
}
