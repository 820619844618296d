import { constants } from 'node:fs';
import { join } from 'node:path';
import type {
  CallOptions,
  ListedObject,
  ListOptions,
  LocallyServed,
  OpenedBody,
  OpenObject,
  OpenOptions,
  PrepareOptions,
  PutOptions,
  ReadMethod,
  RemovedObjects,
  StorageProvider,
  MeasuredObject,
  UploadSweeper,
} from '@cloud-mirror/storage-provider';
import { compareBytes, interruptible, LOCAL_CLOCK, StorageError } from '@cloud-mirror/storage-provider';
import { Disk } from './disk.ts';
import { DEFAULT_FILE_CALL_LIMITS } from './file-calls.ts';
import { fileExists } from './file-exists.ts';
import { isAbsent, toStorageError } from './filesystem-error.ts';
import type { FilesystemStorageProviderOptions } from './filesystem-storage-provider-options.ts';
import { isKept } from './object-file.ts';
import { hashedFiles, namedFiles, namesIn, objectFiles } from './object-files.ts';
import { IncreasingClock } from './increasing-clock.ts';
import { KeyLock } from './key-lock.ts';
import type { ObjectPlace } from './object-paths.ts';
import { ObjectPaths } from './object-paths.ts';
import { ObjectRoom } from './object-room.ts';
import { ObjectWriter } from './object-writer.ts';
import type { FileFault } from './open-object-file.ts';
import { describeFile, OpenObjectFile } from './open-object-file.ts';
import { ReadFiles } from './read-files.ts';
import { RecentUses } from './recent-uses.ts';

/** Maximum number of faulty files to remember, so that each is reported once. */
const MOST_REPORTED_FAULTS = 1_000;

/** All objects, with the removed ones that are still being read, may hold `maxBytes` and this share of it. */
const REMOVED_SHARE = 0.2;

/** How long file calls may take once the provider is closed, in milliseconds. */
const CLOSING_MS = 1_000;

/** Stores copies as files on this machine, which the front end serves itself. */
export class FilesystemStorageProvider implements StorageProvider, LocallyServed, UploadSweeper {
  /** Not limited by the length of file names: a file contains its key, and long keys are hashed for the name. */
  readonly maxKeyBytes = 8192;
  readonly access = 'public';
  readonly clock = LOCAL_CLOCK;
  readonly #options: FilesystemStorageProviderOptions;
  readonly #disk: Disk;
  readonly #paths: ObjectPaths;
  readonly #clock = new IncreasingClock();
  readonly #uses = new RecentUses(this.#clock);
  readonly #locks = new KeyLock();
  readonly #room: ObjectRoom;
  readonly #closed = new AbortController();
  readonly #writer: ObjectWriter;
  readonly #reportedFaults = new Set<string>();
  readonly #reads: ReadFiles;

  constructor(options: FilesystemStorageProviderOptions) {
    this.#options = options;
    this.#reads = new ReadFiles(() => this.#room.freeBytes + options.maxBytes * REMOVED_SHARE);
    this.#disk = new Disk({ ...DEFAULT_FILE_CALL_LIMITS, ...options.fileCalls });
    this.#paths = new ObjectPaths(options.directory);
    this.#room = new ObjectRoom({
      disk: this.#disk,
      files: () => objectFiles(this.#disk, this.#paths),
      maxBytes: options.maxBytes,
      uses: this.#uses,
      locks: this.#locks,
      describe: async ({ name, file }) => {
        const place = this.#paths.placeOfName(name);
        return place?.file === file ? describeFile(this.#disk, place, this.#closed.signal) : null;
      },
      onEvict: options.onEvict,
      afterRemoval: () => this.#reads.check(),
    });
    this.#writer = new ObjectWriter({
      disk: this.#disk,
      paths: this.#paths,
      room: this.#room,
      uses: this.#uses,
      locks: this.#locks,
      clock: this.#clock,
      maxBytes: options.maxBytes,
      closed: this.#closed.signal,
    });
  }

  async urlFor(key: string, _method: ReadMethod): Promise<string> {
    this.#assertKey(key);
    return this.#options.urlBase + this.#paths.place(key).name;
  }

  async head(key: string, options: CallOptions = {}): Promise<MeasuredObject | null> {
    this.#assertKey(key);
    const opened = await this.#open(this.#paths.place(key), options);
    if (opened === null) return null;
    await using file = opened;
    return file.object;
  }

  async open(key: string, { range, signal }: OpenOptions = {}): Promise<OpenedBody | null> {
    this.#assertKey(key);
    const opened = await this.#open(this.#paths.place(key), { signal });
    if (opened === null) return null;
    const { start, endExclusive } = range ?? { start: 0, endExclusive: opened.object.sizeBytes };
    const ended = AbortSignal.any([this.#closed.signal, ...(signal ? [signal] : [])]);
    return {
      object: opened.object,
      body: interruptible(opened.read(start, endExclusive), ended),
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    };
  }

  async openNamed(name: string, options: CallOptions = {}): Promise<OpenObject | null> {
    const place = this.#paths.placeOfName(name);
    return place === null ? null : this.#openForClient(place, options);
  }

  get removedObjects(): RemovedObjects {
    return { bytes: this.#reads.removedBytes, readersCut: this.#reads.cut };
  }

  async openKey(key: string, options: CallOptions = {}): Promise<OpenObject | null> {
    this.#assertKey(key);
    return this.#openForClient(this.#paths.place(key), options);
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<MeasuredObject> {
    this.#assertKey(key);
    return this.#writer.write(key, body, options);
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    this.#assertKey(key);
    this.#throwIfEnded(signal);
    const { name, file } = this.#paths.place(key);
    await this.#locks.run(name, async () => {
      try {
        const { size } = await this.#disk.stat(file);
        await this.#disk.rm(file);
        this.#uses.forget(name);
        this.#room.removed(size);
        await this.#reads.check();
      } catch (error) {
        if (!isAbsent(error)) throw toStorageError(error, 'removing an object');
      }
    });
  }

  async *list(
    prefix: string,
    { startAfter, signal }: ListOptions = {},
  ): AsyncGenerator<ListedObject, void, undefined> {
    const isWanted = (key: string): boolean => startAfter === undefined || compareBytes(key, startAfter) > 0;
    this.#throwIfEnded(signal);
    try {
      for await (const { key, file } of namedFiles(this.#disk, this.#paths.named, prefix))
        if (isWanted(key)) yield* this.#listed(this.#paths.place(key), file, prefix, signal);
      if (!(await this.#mayHaveHashed(prefix))) return;
      for await (const files of hashedFiles(this.#disk, this.#paths.hashed))
        for (const { name, file } of files)
          for await (const object of this.#listed(this.#paths.placeOfName(name), file, prefix, signal))
            if (isWanted(object.key)) yield object;
    } catch (error) {
      throw toStorageError(error, 'listing objects');
    }
  }

  async prepare({ signal }: PrepareOptions): Promise<readonly string[]> {
    this.#throwIfEnded(signal);
    return (await this.#makeDirectories()) === undefined ? [] : [`created directory ${this.#paths.root}`];
  }

  async check({ signal }: CallOptions = {}): Promise<void> {
    this.#throwIfEnded(signal);
    await this.#makeDirectories();
    try {
      await this.#disk.access(this.#paths.temporary, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (error) {
      throw toStorageError(error, 'checking the directory of objects');
    }
  }

  async sweepUploads(olderThanMs: number, { signal }: CallOptions = {}): Promise<number> {
    let ended = 0;
    try {
      for (const name of await namesIn(this.#disk, this.#paths.temporary)) {
        this.#throwIfEnded(signal);
        const file = join(this.#paths.temporary, name);
        if (!this.#writer.isStaged(file) && (await removeOlder(this.#disk, file, Date.now() - olderThanMs)))
          ended += 1;
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw toStorageError(error, 'removing temporary files');
    }
    return ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new StorageError('store_unavailable', 'the storage provider was closed'));
    this.#reads[Symbol.dispose]();
    // A disk that hangs must not hold up the end of the process.
    this.#disk.shorten(CLOSING_MS);
    await this.#writer.settled();
  }

  async #open(place: ObjectPlace, { signal }: CallOptions): Promise<OpenObjectFile | null> {
    this.#throwIfEnded(signal);
    const opened = await this.#openPlace(place);
    if (opened !== null && !isKept(place.kind, opened.description))
      await this.#uses.note(place.name, opened.handle);
    return opened;
  }

  async #openForClient(place: ObjectPlace, options: CallOptions): Promise<OpenObjectFile | null> {
    const opened = await this.#open(place, options);
    if (opened !== null) this.#reads.add(opened);
    return opened;
  }

  async #openPlace(place: ObjectPlace): Promise<OpenObjectFile | null> {
    const opened = await OpenObjectFile.open(this.#disk, place, this.#closed.signal);
    if (typeof opened !== 'string') return opened;
    this.#reportFault(place.name, opened);
    // A damaged file may have been a purge marker, whose key is a path of plain words. Treating the marker as absent
    // would revive purged copies.
    if (place.kind === 'hashed') return null;
    throw new StorageError(
      'store_corrupt',
      opened === 'foreign'
        ? 'the file of an object contains another object'
        : 'the file of an object is damaged',
    );
  }

  #reportFault(name: string, fault: FileFault): void {
    if (this.#reportedFaults.has(name)) return;
    if (this.#reportedFaults.size >= MOST_REPORTED_FAULTS) this.#reportedFaults.clear();
    this.#reportedFaults.add(name);
    this.#options.onFault?.(name, fault);
  }

  /** @param place the place that follows from the name of the file; a file anywhere else is not an object */
  async *#listed(
    place: ObjectPlace | null,
    file: string,
    prefix: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ListedObject, void, undefined> {
    this.#throwIfEnded(signal);
    if (place?.file !== file) return;
    const opened = await this.#openPlace(place);
    if (opened === null) return;
    await using object = opened;
    const { key, etag, sizeBytes, storedAt } = object.description;
    if (key.startsWith(prefix)) yield { key, etag, sizeBytes, storedAt: new Date(storedAt) };
  }

  async #makeDirectories(): Promise<string | undefined> {
    try {
      const made = await this.#disk.mkdir(this.#paths.root);
      const { named, hashed, prefixes, temporary } = this.#paths;
      for (const directory of [named, hashed, prefixes, temporary]) await this.#disk.mkdir(directory);
      return made;
    } catch (error) {
      throw toStorageError(error, 'creating the directory of objects');
    }
  }

  async #mayHaveHashed(prefix: string): Promise<boolean> {
    const file = this.#paths.prefixFile(prefix);
    return file === null || (await fileExists(this.#disk, file));
  }

  #assertKey(key: string): void {
    const bytes = Buffer.byteLength(key);
    if (bytes === 0 || bytes > this.maxKeyBytes || !key.isWellFormed())
      throw new StorageError(
        'store_rejected',
        `a key must be well-formed Unicode of 1 to ${this.maxKeyBytes} bytes; this one has ${bytes} bytes`,
      );
  }

  #throwIfEnded(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    this.#closed.signal.throwIfAborted();
  }
}

async function removeOlder(disk: Disk, file: string, before: number): Promise<boolean> {
  try {
    if ((await disk.stat(file)).mtimeMs >= before) return false;
    await disk.rm(file);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}
