import type { EntryMemory } from './entry-memory.ts';
import { EntryStoreError, type Entry, type EntryStore } from '@cloud-mirror/entry-store';
import type { Copy, MirroredObject } from '@cloud-mirror/mirrored-objects';
import type { MarkerLists } from './marker-lists.ts';

export interface HitFinderParts {
  readonly entries: Pick<EntryStore, 'epoch'>;
  readonly memory: EntryMemory;
  readonly markers: MarkerLists;
  /** Aborted when the process ends. */
  readonly ended: AbortSignal;
}

/**
 * The fast path for nearly every request: finds a hit that needs no further decision. In every other case it returns
 * `null`, and the full rules of a request apply.
 */
export class HitFinder {
  readonly #parts: HitFinderParts;

  constructor(parts: HitFinderParts) {
    this.#parts = parts;
  }

  /** Finds a remembered hit; see {@link EntryMemory}. */
  recall(object: MirroredObject): Copy | null {
    const { entries, memory } = this.#parts;
    return this.#hitOf(object, memory.recall(object.id), entries.epoch);
  }

  /** Finds a hit by one read of the entry store. `missing` if there is no entry. */
  async find(object: MirroredObject): Promise<Copy | 'missing' | null> {
    const { entries, memory } = this.#parts;
    const epoch = entries.epoch;
    try {
      const entry = await memory.read(object.id);
      return entry === null ? 'missing' : this.#hitOf(object, entry, epoch);
    } catch (error) {
      // Not reported here: the request continues with the full rules, which meet and report the failure.
      if (error instanceof EntryStoreError) return null;
      throw error;
    }
  }

  #hitOf(object: MirroredObject, entry: Entry | null, epoch: number): Copy | null {
    const { entries, markers, ended } = this.#parts;
    if (entry?.state !== 'present' || ended.aborted || entries.epoch !== epoch) return null;
    if (!markers.trusts(object.id.backend, epoch)) return null;
    return markers.knows(object, entry) ? entry : null;
  }
}
