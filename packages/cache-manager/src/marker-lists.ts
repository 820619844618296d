import {
  readMarker,
  type Backends,
  type PurgeMarker,
  type MirroredObject,
} from '@cloud-mirror/mirrored-objects';
import type { PresentEntry } from '@cloud-mirror/entry-store';
import { MarkerList, type MarkerListOptions } from './marker-list.ts';

/** An entry, as far as its generation is in question. */
export type EntryOfCopy = Pick<PresentEntry, 'generation' | 'since'>;

/** The marker lists of all back ends, read again at an interval. */
export class MarkerLists implements AsyncDisposable {
  readonly #lists: ReadonlyMap<string, MarkerList>;
  readonly #onFailure: (backend: string, error: unknown) => void;
  readonly #ended = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | null = null;

  constructor(
    backends: Backends,
    onFailure: (backend: string, error: unknown) => void,
    options?: MarkerListOptions,
  ) {
    this.#lists = new Map([...backends].map(([name, { store }]) => [name, new MarkerList(store, options)]));
    this.#onFailure = onFailure;
  }

  /** Reads every list at once and then every `everyMs` milliseconds, for the connection number that `epoch` returns. */
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

  /** Reads a list. A failure is reported to `onFailure`. @returns whether it could be read */
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
   * Whether the bucket or folder of a back end does not exist, which a HEAD of an object cannot show. If it was missing at
   * the last reading, the list is read again, so that a bucket that an operator has just created is used at once.
   */
  async isStoreMissing(backend: string, epoch: number): Promise<boolean> {
    const list = this.#list(backend);
    if (!list.storeMissing) return false;
    await this.refresh(backend, epoch);
    return list.storeMissing;
  }

  /** Like {@link isStoreMissing}, but as of the last reading. */
  wasStoreMissing(backend: string): boolean {
    return this.#list(backend).storeMissing;
  }

  /**
   * Whether the entry has the object's current generation. If the list has another generation or does not know it, the marker
   * is read.
   * @throws StorageError if the marker must be read and cannot be
   */
  async confirm(object: MirroredObject, entry: EntryOfCopy): Promise<boolean> {
    return this.knows(object, entry) || this.reread(object, entry.generation);
  }

  /** Whether `generation` is the object's current one by the marker, which is read again. @throws StorageError */
  async reread(object: MirroredObject, generation: string): Promise<boolean> {
    const marker = await this.lookUp(object, async (onMarker) => {
      const read = await readMarker(object, this.#ended.signal);
      onMarker(read);
      return read;
    });
    return marker.generation === generation;
  }

  /** Like {@link confirm}, but from memory alone: false if the list does not know the generation. */
  knows({ id }: MirroredObject, { generation, since }: EntryOfCopy): boolean {
    return this.#list(id.backend).knows(id.sha256, generation, since);
  }

  /** Runs a look-up that reads the object's marker, and records the marker in the list. */
  lookUp<T>(
    object: MirroredObject,
    run: (onMarker: (marker: PurgeMarker) => void) => Promise<T>,
  ): Promise<T> {
    const list = this.#list(object.id.backend);
    const asOf = list.beginReading();
    return run((marker) => list.note(object.id.sha256, marker, asOf));
  }

  /**
   * Records a marker that this process wrote. Its sequence number is from the end of the write, because a reading that
   * began during the write may have missed the marker.
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
    if (list === undefined) throw new TypeError(`there is no back end ${backend}`);
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
