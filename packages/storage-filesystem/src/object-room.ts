import { rm, stat } from 'node:fs/promises';
import { StorageError } from '@cloud-mirror/storage-provider';
import { isAbsent, toStorageError } from './filesystem-error.ts';
import type { FoundFile } from './object-files.ts';
import type { KeyLock } from './key-lock.ts';
import type { ObjectDescription } from './object-file.ts';
import { isKept } from './object-file.ts';
import type { RecentUses } from './recent-uses.ts';

/** Other processes may share the directory: what is known of it is not believed for longer. */
const SCAN_INTERVAL_MS = 60_000;
/** How many of the least recently used files a scan remembers, so that memory stays flat and few scans are needed. */
const CANDIDATES = 1_000;

interface Candidate extends FoundFile {
  readonly bytes: number;
  readonly usedAt: number;
}

export interface ObjectRoomOptions {
  /** Every file of an object, some at a time. */
  readonly files: () => AsyncIterable<readonly FoundFile[]>;
  readonly maxBytes: number;
  readonly uses: RecentUses;
  /** Held while a file is replaced or removed. */
  readonly locks: KeyLock;
  /** What a file says of its object; `null` where it holds no object of its place. */
  readonly describe: (file: FoundFile) => Promise<ObjectDescription | null>;
  readonly onEvict: (key: string, metadata: Readonly<Record<string, string>>) => Promise<void>;
}

/**
 * Keeps the files of objects below a sum of bytes, by removing the least recently used. Objects that are kept count, but
 * stay. Only their files say which ones they are, so a file is opened when it is the next to be removed.
 */
export class ObjectRoom {
  readonly #options: ObjectRoomOptions;
  #usedBytes = 0;
  #reservedBytes = 0;
  #scannedAt = -Infinity;
  /** Least recently used last. */
  #candidates: Candidate[] = [];
  /**
   * The last file that turned out to be kept. Files up to it are kept or gone, so that scans need not collect them again:
   * they would take the places of candidates that can be removed.
   */
  #lastKept: Candidate | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ObjectRoomOptions) {
    this.#options = options;
  }

  /**
   * Sets `bytes` aside for a file that is being written.
   * @param keep whether the object will be kept. Then it does not fail where objects cannot be removed at the moment: the
   *   room that it takes is made by the next reservation.
   * @throws StorageError `store_full` where nothing is left to remove, not retryable where it could never fit
   */
  async reserve(bytes: number, keep: boolean): Promise<void> {
    const { maxBytes } = this.#options;
    await this.#inTurn(async () => {
      if (Date.now() - this.#scannedAt >= SCAN_INTERVAL_MS) await this.#scan();
      const excess = (): number => this.#usedBytes + this.#reservedBytes + bytes - maxBytes;
      if (!(await this.#makeRoom(() => excess() <= 0, keep)))
        throw new StorageError('store_full', `there is no room for ${bytes} bytes more below ${maxBytes}`);
      this.#reservedBytes += bytes;
    });
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

  /** Removes objects of `bytes` at least, or all of them: the disk is full though `maxBytes` is not reached. */
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

  /** @returns false where not enough is left that could be removed */
  async #evictUntil(enough: () => boolean): Promise<boolean> {
    let scans = 0;
    let hasBegunAnew = false;
    while (!enough()) {
      const candidate = this.#candidates.pop();
      if (candidate !== undefined) {
        if (await this.#evict(candidate)) scans = 0;
      } else if (scans++ < 2) {
        await this.#scan();
      } else if (this.#lastKept !== null && !hasBegunAnew) {
        // Files with earlier times may have come from elsewhere.
        hasBegunAnew = true;
        this.#lastKept = null;
        scans = 0;
      } else {
        return false;
      }
    }
    return true;
  }

  /** @returns false where the file is no candidate any more: it was used or replaced since the scan */
  async #evict(candidate: Candidate): Promise<boolean> {
    const { locks, uses, describe, onEvict } = this.#options;
    return locks.run(candidate.name, async () => {
      const found = await statOrNull(candidate.file);
      if (found === null) {
        this.removed(candidate.bytes);
        return true;
      }
      // Used or replaced since the scan: others are older now.
      if (uses.lastUse(candidate.name, found.atimeMs) > candidate.usedAt) return false;
      const description = await describe(candidate);
      if (isKept(candidate.kind, description)) {
        this.#lastKept = candidate;
        return true;
      }
      if (description !== null) await this.#tell(() => onEvict(description.key, description.metadata));
      await rm(candidate.file, { force: true });
      uses.forget(candidate.name);
      this.removed(found.size);
      return true;
    });
  }

  async #tell(notice: () => Promise<void>): Promise<void> {
    try {
      await notice();
    } catch (cause) {
      throw new StorageError('store_full', 'room could not be made: an object is still pointed to', {
        cause,
      });
    }
  }

  /** Sums up all files and notes the least recently used. */
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
    const found = await statOrNull(file.file);
    if (found === null) return null;
    return { ...file, bytes: found.size, usedAt: this.#options.uses.lastUse(file.name, found.atimeMs) };
  }

  /** One at a time: two that look for room at once would both remove objects for it. */
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

/** By last use; names decide where two files were used at the same time. */
function isAfter(one: Candidate, other: Candidate): boolean {
  return one.usedAt === other.usedAt ? one.name > other.name : one.usedAt > other.usedAt;
}

async function statOrNull(file: string): Promise<{ readonly size: number; readonly atimeMs: number } | null> {
  try {
    return await stat(file);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}
