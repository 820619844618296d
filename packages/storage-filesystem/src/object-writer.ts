import { BodyLength, interruptible, storableHeaders, StorageError } from '@cloud-mirror/storage-provider';
import type { MeasuredObject, PutOptions } from '@cloud-mirror/storage-provider';
import type { Disk } from './disk.ts';
import { endSoon } from './end-soon.ts';
import { fileExists } from './file-exists.ts';
import { toStorageError } from './filesystem-error.ts';
import type { IncreasingClock } from './increasing-clock.ts';
import type { KeyLock } from './key-lock.ts';
import type { ObjectDescription } from './object-file.ts';
import { encodeFooter, toStoredObject } from './object-file.ts';
import type { ObjectPaths, ObjectPlace } from './object-paths.ts';
import type { ObjectRoom } from './object-room.ts';
import { describeFile } from './open-object-file.ts';
import { publish } from './publish-file.ts';
import type { RecentUses } from './recent-uses.ts';
import { RoomReservation } from './room-reservation.ts';
import { StagedFile } from './staged-file.ts';

/** How long a write may take after its end was requested, in milliseconds: enough unless the disk hangs. */
const ENDING_MS = 2_000;
/** Minimum number of bytes to free when the disk is full before `maxBytes` is reached. */
const FREED_ON_FULL_DISK_BYTES = 64 * 1024 * 1024;

export interface ObjectWriterOptions {
  readonly disk: Disk;
  readonly paths: ObjectPaths;
  readonly room: ObjectRoom;
  readonly uses: RecentUses;
  readonly locks: KeyLock;
  readonly clock: IncreasingClock;
  readonly maxBytes: number;
  /** Aborted when the provider is closed. */
  readonly closed: AbortSignal;
}

/** Writes each object to a temporary file, and moves it to its place after all of it is on the disk. */
export class ObjectWriter {
  readonly #options: ObjectWriterOptions;
  readonly #writes = new Set<Promise<unknown>>();
  /** The staged files of running writes, which a sweep must not remove however old they are. */
  readonly #staged = new Set<string>();
  /** Prefix files that are known to exist. */
  readonly #prefixFiles = new Set<string>();

  constructor(options: ObjectWriterOptions) {
    this.#options = options;
  }

  async write(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<MeasuredObject> {
    const ended = AbortSignal.any([this.#options.closed, ...(options.signal ? [options.signal] : [])]);
    const writing = endSoon(this.#put(key, body, options), ended, ENDING_MS);
    this.#writes.add(writing);
    try {
      return await writing;
    } finally {
      this.#writes.delete(writing);
    }
  }

  /** Whether a file in `temporary/` belongs to a running write of this process. */
  isStaged(file: string): boolean {
    return this.#staged.has(file);
  }

  /** Resolves when all writes have succeeded or failed; once the provider is closed, within two seconds. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#writes);
  }

  async #put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<MeasuredObject> {
    const { sizeBytes, signal } = options;
    signal?.throwIfAborted();
    this.#options.closed.throwIfAborted();
    const place = this.#options.paths.place(key);
    if (sizeBytes !== null) this.#assertFits(sizeBytes);
    using reservation = new RoomReservation(this.#options.room, options.keep ?? false);
    await reservation.growTo(sizeBytes ?? 0);
    await using staged = await this.#stage();
    this.#staged.add(staged.path);
    try {
      await this.#receive(staged, body, reservation, options);
      const description = describeBody(key, staged, options);
      const footer = encodeFooter(description);
      await reservation.growTo(staged.bytes + footer.length);
      await staged.finish(footer, this.#options.clock.now());
      signal?.throwIfAborted();
      this.#options.closed.throwIfAborted();
      await this.#commit(key, place, staged, reservation, options);
      return toStoredObject(description);
    } finally {
      this.#staged.delete(staged.path);
    }
  }

  async #receive(
    staged: StagedFile,
    body: AsyncIterable<Uint8Array>,
    reservation: RoomReservation,
    { sizeBytes, signal, onProgress }: PutOptions,
  ): Promise<void> {
    const length = new BodyLength(sizeBytes);
    const ended = AbortSignal.any([this.#options.closed, ...(signal ? [signal] : [])]);
    for await (const chunk of interruptible(body, ended)) {
      length.add(chunk.length);
      this.#assertFits(length.received);
      await reservation.growTo(length.received);
      await staged.write(chunk);
      onProgress?.(length.received);
    }
    length.end();
  }

  async #commit(
    key: string,
    place: ObjectPlace,
    staged: StagedFile,
    reservation: RoomReservation,
    { ifMatch, ifNoneMatch }: PutOptions,
  ): Promise<void> {
    const { disk, locks, room, uses } = this.#options;
    if (place.kind === 'hashed') await this.#notePrefix(key);
    await locks.run(place.name, async () => {
      if (ifMatch !== undefined && (await this.#etag(place)) !== ifMatch)
        throw new StorageError('store_exists', 'the object to replace has changed or is gone');
      // A damaged or foreign file does not count as an object of this key, so the put may replace it.
      const onlyNew = ifNoneMatch !== undefined && !(await this.#isFaulty(place));
      const replacedBytes = await publish(disk, { staged: staged.path, target: place.file, onlyNew });
      uses.forget(place.name);
      reservation[Symbol.dispose]();
      room.removed(replacedBytes);
      room.added(staged.bytes);
    });
  }

  async #etag(place: ObjectPlace): Promise<string | null> {
    return (await describeFile(this.#options.disk, place, this.#options.closed))?.etag ?? null;
  }

  async #isFaulty(place: ObjectPlace): Promise<boolean> {
    return (await this.#etag(place)) === null && (await fileExists(this.#options.disk, place.file));
  }

  async #stage(): Promise<StagedFile> {
    const { disk, paths, room } = this.#options;
    return StagedFile.create(disk, paths.temporary, () => room.freeUp(FREED_ON_FULL_DISK_BYTES));
  }

  /** Creates the prefix file of a hashed key before its object becomes visible, so that a listing finds it. */
  async #notePrefix(key: string): Promise<void> {
    const { disk, paths } = this.#options;
    const file = paths.prefixFile(key);
    if (file === null || this.#prefixFiles.has(file)) return;
    try {
      await disk.mkdir(paths.prefixes);
      await disk.writeFile(file, '');
      this.#prefixFiles.add(file);
    } catch (error) {
      throw toStorageError(error, 'recording the prefix of a key');
    }
  }

  #assertFits(bytes: number): void {
    if (bytes <= this.#options.maxBytes) return;
    throw new StorageError(
      'store_full',
      `an object of at least ${bytes} bytes exceeds the limit for all objects, ${this.#options.maxBytes}`,
      { retryable: false },
    );
  }
}

function describeBody(key: string, staged: StagedFile, options: PutOptions): ObjectDescription {
  const headers = storableHeaders(options.headers);
  const metadata = { ...options.userMetadata, ...options.metadata() };
  const sizeBytes = staged.bytes;
  // The ETag covers the headers too: a cache must tell representations apart (RFC 9110, section 8.8.1).
  const etag = `"${staged.digest(JSON.stringify(headers)).slice(0, 32)}"`;
  return { key, sizeBytes, etag, storedAt: Date.now(), headers, metadata, keep: options.keep ?? false };
}
