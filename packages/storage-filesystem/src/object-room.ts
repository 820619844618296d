import { rm, stat } from 'node:fs/promises';
import { StorageError } from '@cloud-mirror/storage-provider';
import { isAbsent, toStorageError } from './filesystem-error.ts';
import type { HashedFile } from './object-files.ts';
import { hashedFiles } from './object-files.ts';
import type { KeyLock } from './key-lock.ts';
import type { ObjectDescription } from './object-file.ts';
import type { RecentUses } from './recent-uses.ts';

/** Other processes may share the directory: what is known of it is not believed for longer. */
const SCAN_INTERVAL_MS = 60_000;
/** How many of the least recently used files a scan remembers, so that memory stays flat and few scans are needed. */
const CANDIDATES = 1_000;

interface Candidate extends HashedFile {
  readonly bytes: number;
  readonly usedAt: number;
}

export interface ObjectRoomOptions {
  readonly hashedDirectory: string;
  readonly maxBytes: number;
  readonly uses: RecentUses;
  /** Held while a file is replaced or removed. */
  readonly locks: KeyLock;
  readonly describe: (file: HashedFile) => Promise<ObjectDescription | null>;
  readonly onEvict: (key: string, metadata: Readonly<Record<string, string>>) => Promise<void>;
}

/** Keeps the files of objects below a sum of bytes, by removing the least recently used. */
export class ObjectRoom {
  readonly #options: ObjectRoomOptions;
  #usedBytes = 0;
  #reservedBytes = 0;
  #scannedAt = -Infinity;
  /** Least recently used last. */
  #candidates: Candidate[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ObjectRoomOptions) {
    this.#options = options;
  }

  /**
   * Sets `bytes` aside for a file that is being written.
   * @throws StorageError `store_full` where nothing is left to remove, not retryable where it could never fit
   */
  async reserve(bytes: number): Promise<void> {
    const { maxBytes } = this.#options;
    await this.#inTurn(async () => {
      if (Date.now() - this.#scannedAt >= SCAN_INTERVAL_MS) await this.#scan();
      const excess = (): number => this.#usedBytes + this.#reservedBytes + bytes - maxBytes;
      if (!(await this.#evictUntil(() => excess() <= 0)))
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

  async #evictUntil(enough: () => boolean): Promise<boolean> {
    for (let scans = 0; !enough();) {
      const candidate = this.#candidates.pop();
      if (candidate !== undefined) await this.#evict(candidate);
      else if (scans++ < 2) await this.#scan();
      else return false;
    }
    return true;
  }

  async #evict(candidate: Candidate): Promise<void> {
    const { locks, uses, describe, onEvict } = this.#options;
    await locks.run(candidate.name, async () => {
      const found = await statOrNull(candidate.file);
      if (found === null) {
        this.removed(candidate.bytes);
        return;
      }
      // Used or replaced since the scan: others are older now.
      if (uses.lastUse(candidate.name, found.atimeMs) > candidate.usedAt) return;
      const description = await describe(candidate);
      if (description !== null) await this.#tell(() => onEvict(description.key, description.metadata));
      await rm(candidate.file, { force: true });
      uses.forget(candidate.name);
      this.removed(found.size);
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
      candidates.sort((a, b) => b.usedAt - a.usedAt);
      candidates = candidates.slice(-CANDIDATES);
    };
    for await (const files of hashedFiles(this.#options.hashedDirectory)) {
      for (const candidate of await Promise.all(files.map((file) => this.#candidate(file)))) {
        if (candidate === null) continue;
        usedBytes += candidate.bytes;
        candidates.push(candidate);
      }
      if (candidates.length > 2 * CANDIDATES) shrink();
    }
    shrink();
    this.#usedBytes = usedBytes;
    this.#candidates = candidates;
    this.#scannedAt = Date.now();
  }

  async #candidate(hashed: HashedFile): Promise<Candidate | null> {
    const found = await statOrNull(hashed.file);
    if (found === null) return null;
    return { ...hashed, bytes: found.size, usedAt: this.#options.uses.lastUse(hashed.name, found.atimeMs) };
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

async function statOrNull(file: string): Promise<{ readonly size: number; readonly atimeMs: number } | null> {
  try {
    return await stat(file);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}
