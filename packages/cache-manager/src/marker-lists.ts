import {
  readMarker,
  type Backends,
  type PurgeMarker,
  type MirroredObject,
} from '@cloud-mirror/mirrored-objects';
import { MarkerList } from './marker-list.ts';

/** The marker lists of all back ends, kept fresh while the process runs. */
export class MarkerLists implements AsyncDisposable {
  readonly #lists: ReadonlyMap<string, MarkerList>;
  readonly #onFailure: (backend: string, error: unknown) => void;
  readonly #ended = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | null = null;

  constructor(backends: Backends, onFailure: (backend: string, error: unknown) => void) {
    this.#lists = new Map([...backends].map(([name, backend]) => [name, new MarkerList(backend.store)]));
    this.#onFailure = onFailure;
  }

  /** Reads every list now and then every `everyMs`, for the entry store's connection that `epoch` tells. */
  start(everyMs: number, epoch: () => number): void {
    const readAll = (): void => {
      for (const name of this.#lists.keys()) this.#watch(this.refresh(name, epoch()));
    };
    readAll();
    this.#timer = setInterval(readAll, everyMs);
  }

  trusts(backend: string, epoch: number): boolean {
    return this.#list(backend).trusts(epoch);
  }

  /** Reads a list. @returns whether it could be read */
  async refresh(backend: string, epoch: number): Promise<boolean> {
    try {
      await this.#list(backend).load(epoch, this.#ended.signal);
      return true;
    } catch (error) {
      if (!this.#ended.signal.aborted) this.#onFailure(backend, error);
      return false;
    }
  }

  /**
   * Whether the bucket or folder of a back end is not there, which a HEAD of an object does not tell. Where the last reading
   * of the list said so it is read again: nobody waits for a minute once an operator has made the bucket.
   */
  async isStoreMissing(backend: string, epoch: number): Promise<boolean> {
    const list = this.#list(backend);
    if (!list.storeMissing) return false;
    await this.refresh(backend, epoch);
    return list.storeMissing;
  }

  /** As {@link isStoreMissing}, by the last reading. */
  wasStoreMissing(backend: string): boolean {
    return this.#list(backend).storeMissing;
  }

  /**
   * Whether `generation` is the object's own as far as this process knows. Where it knows otherwise, or nothing yet,
   * the marker itself decides.
   * @throws StorageError where the marker would have to be read and cannot be
   */
  async confirm(object: MirroredObject, generation: string): Promise<boolean> {
    return this.knows(object, generation) || this.reread(object, generation);
  }

  /** Whether `generation` is the object's own, by the marker itself. @throws StorageError */
  async reread(object: MirroredObject, generation: string): Promise<boolean> {
    const marker = await this.lookUp(object, async (onMarker) => {
      const read = await readMarker(object, this.#ended.signal);
      onMarker(read);
      return read;
    });
    return marker.generation === generation;
  }

  /** As {@link confirm}, by what is in memory. */
  knows(object: MirroredObject, generation: string): boolean {
    const known = this.#list(object.id.backend).generationOf(object.id.sha256);
    return known.known && known.generation === generation;
  }

  /** Runs a look-up that reads the object's marker, and remembers what the marker said. */
  lookUp<T>(
    object: MirroredObject,
    run: (onMarker: (marker: PurgeMarker) => void) => Promise<T>,
  ): Promise<T> {
    const list = this.#list(object.id.backend);
    const asOf = list.beginReading();
    return run((marker) => list.note(object.id.sha256, marker, asOf));
  }

  /**
   * Remembers a marker that this process wrote. It is news as of now, not as of the beginning of the write: a reading
   * that began meanwhile may have missed it.
   */
  wrote(object: MirroredObject, marker: PurgeMarker): void {
    const list = this.#list(object.id.backend);
    list.note(object.id.sha256, marker, list.beginReading());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#ended.abort();
    await Promise.allSettled(this.#running);
  }

  #list(backend: string): MarkerList {
    const list = this.#lists.get(backend);
    if (list === undefined) throw new TypeError(`no back end is called ${backend}`);
    return list;
  }

  #watch(work: Promise<unknown>): void {
    const watched = work.then(
      () => undefined,
      () => undefined,
    );
    this.#running.add(watched);
    void watched.finally(() => this.#running.delete(watched));
  }
}
