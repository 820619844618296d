import { StorageError } from '@cloud-mirror/storage-provider';
import type { Disk } from './disk.ts';
import { isAbsent, toStorageError } from './filesystem-error.ts';
import type { FoundFile } from './object-files.ts';
import type { KeyLock } from './key-lock.ts';
import type { ObjectDescription } from './object-file.ts';
import { isKept } from './object-file.ts';
import type { RecentUses } from './recent-uses.ts';

/** A scan is valid for this long, because other processes may change the directory. */
const SCAN_INTERVAL_MS = 60_000;
/** How many of the least recently used files a scan remembers. Bounds memory, yet keeps scans rare. */
const CANDIDATES = 1_000;

interface Candidate extends FoundFile {
  readonly bytes: number;
  readonly usedAt: number;
}

export interface ObjectRoomOptions {
  readonly disk: Disk;
  /** Lists all files of objects, in batches. */
  readonly files: () => AsyncIterable<readonly FoundFile[]>;
  readonly maxBytes: number;
  readonly uses: RecentUses;
  /** Held while a file is replaced or removed. */
  readonly locks: KeyLock;
  /** Reads the description in a file; `null` if the file is damaged or contains the object of another place. */
  readonly describe: (file: FoundFile) => Promise<ObjectDescription | null>;
  readonly onEvict: (key: string, metadata: Readonly<Record<string, string>>) => Promise<void>;
  /** Called, and awaited, after files were removed or replaced: clients may still be reading them. */
  readonly afterRemoval: () => Promise<void>;
}

/**
 * Limits the total size of the objects' files by evicting the least recently used. Objects to be kept count towards the
 * total but are not evicted. Only the description in its file says that an object is kept, so each file is opened
 * immediately before its eviction.
 */
export class ObjectRoom {
  readonly #options: ObjectRoomOptions;
  #usedBytes = 0;
  #reservedBytes = 0;
  #scannedAt = -Infinity;
  /** Least recently used last. */
  #candidates: Candidate[] = [];
  /**
   * The last candidate that turned out to be kept. All files used before it are kept or gone, so scans skip them;
   * otherwise they would displace candidates that can be evicted.
   */
  #lastKept: Candidate | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ObjectRoomOptions) {
    this.#options = options;
  }

  /**
   * Reserves `bytes` for a file that is being written.
   * @param keep whether the object will be kept. Such a reservation succeeds even if `onEvict` rejects now; the next
   *   reservation makes up for its bytes.
   * @throws StorageError `store_full` if nothing is left to evict, or if `onEvict` rejects
   */
  async reserve(bytes: number, keep: boolean): Promise<void> {
    const { maxBytes } = this.#options;
    await this.#inTurn(async () => {
      if (Date.now() - this.#scannedAt >= SCAN_INTERVAL_MS) await this.#scan();
      const excess = (): number => this.#usedBytes + this.#reservedBytes + bytes - maxBytes;
      if (!(await this.#makeRoom(() => excess() <= 0, keep)))
        throw new StorageError(
          'store_full',
          `no room for ${bytes} more bytes within the limit of ${maxBytes}`,
        );
      this.#reservedBytes += bytes;
    });
  }

  /** What is left of `maxBytes`; 0 before the first scan, in a process that has not written yet. */
  get freeBytes(): number {
    if (this.#scannedAt === -Infinity) return 0;
    return Math.max(0, this.#options.maxBytes - this.#usedBytes - this.#reservedBytes);
  }

  release(bytes: number): void {
    this.#reservedBytes -= bytes;
  }

  added(bytes: number): void {
    this.#usedBytes += bytes;
  }

  removed(bytes: number): void {
    this.#usedBytes = Math.max(0, this.#usedBytes - bytes);
  }

  /** Evicts objects of at least `bytes` in total, or all of them. For a disk that is full below `maxBytes`. */
  async freeUp(bytes: number): Promise<void> {
    await this.#inTurn(async () => {
      await this.#scan();
      const target = this.#usedBytes - bytes;
      await this.#evictUntil(() => this.#usedBytes <= target);
    });
  }

  async #makeRoom(enough: () => boolean, keep: boolean): Promise<boolean> {
    try {
      return await this.#evictUntil(enough);
    } catch (error) {
      if (keep && error instanceof StorageError && error.code === 'store_full') return true;
      throw error;
    }
  }

  /** @returns false if too few objects are left that can be evicted */
  async #evictUntil(enough: () => boolean): Promise<boolean> {
    let scans = 0;
    let hasRestarted = false;
    if (enough()) return true;
    await using _removal = { [Symbol.asyncDispose]: this.#options.afterRemoval };
    while (!enough()) {
      const candidate = this.#candidates.pop();
      if (candidate !== undefined) {
        if (await this.#evict(candidate)) scans = 0;
      } else if (scans++ < 2) {
        await this.#scan();
      } else if (this.#lastKept !== null && !hasRestarted) {
        // Another process or a user may have added files with earlier times.
        hasRestarted = true;
        this.#lastKept = null;
        scans = 0;
      } else {
        return false;
      }
    }
    return true;
  }

  /** @returns false if the file is no longer a candidate, because it was used or replaced since the scan */
  async #evict(candidate: Candidate): Promise<boolean> {
    const { disk, locks, uses, describe, onEvict } = this.#options;
    return locks.run(candidate.name, async () => {
      const found = await statOrNull(disk, candidate.file);
      if (found === null) {
        this.removed(candidate.bytes);
        return true;
      }
      if (uses.lastUse(candidate.name, found.atimeMs) > candidate.usedAt) return false;
      const description = await describe(candidate);
      if (isKept(candidate.kind, description)) {
        this.#lastKept = candidate;
        return true;
      }
      if (description !== null) await this.#announce(() => onEvict(description.key, description.metadata));
      await disk.rm(candidate.file, { force: true });
      uses.forget(candidate.name);
      this.removed(found.size);
      return true;
    });
  }

  async #announce(notify: () => Promise<void>): Promise<void> {
    try {
      await notify();
    } catch (cause) {
      throw new StorageError('store_full', 'no room: the entry of an object to evict could not be dropped', {
        cause,
      });
    }
  }

  /** Sums up the sizes of all files, and collects the least recently used as candidates. */
  async #scan(): Promise<void> {
    let usedBytes = 0;
    let candidates: Candidate[] = [];
    const shrink = (): void => {
      candidates.sort((a, b) => (isAfter(a, b) ? -1 : 1));
      candidates = candidates.slice(-CANDIDATES);
    };
    for await (const files of this.#options.files()) {
      for (const candidate of await Promise.all(files.map((file) => this.#candidate(file)))) {
        if (candidate === null) continue;
        usedBytes += candidate.bytes;
        if (this.#lastKept === null || isAfter(candidate, this.#lastKept)) candidates.push(candidate);
      }
      if (candidates.length > 2 * CANDIDATES) shrink();
    }
    shrink();
    this.#usedBytes = usedBytes;
    this.#candidates = candidates;
    this.#scannedAt = Date.now();
  }

  async #candidate(file: FoundFile): Promise<Candidate | null> {
    const found = await statOrNull(this.#options.disk, file.file);
    if (found === null) return null;
    return { ...file, bytes: found.size, usedAt: this.#options.uses.lastUse(file.name, found.atimeMs) };
  }

  /** Runs tasks one at a time: concurrent tasks would each evict objects for the same missing bytes. */
  async #inTurn(task: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(task);
    this.#turn = turn.catch(() => {});
    try {
      await turn;
    } catch (error) {
      throw toStorageError(error, 'making room');
    }
  }
}

/** Orders by last use, then by name. */
function isAfter(one: Candidate, other: Candidate): boolean {
  return one.usedAt === other.usedAt ? one.name > other.name : one.usedAt > other.usedAt;
}

async function statOrNull(
  disk: Disk,
  file: string,
): Promise<{ readonly size: number; readonly atimeMs: number } | null> {
  try {
    return await disk.stat(file);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}
