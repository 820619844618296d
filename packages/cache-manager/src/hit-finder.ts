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
 * Answers the one question that nearly every request comes down to: is there a copy, and nothing else to be decided?
 * Whatever else is the case, `null` says so and nothing more; the rules of a request go on from there.
 */
export class HitFinder {
  readonly #parts: HitFinderParts;

  constructor(parts: HitFinderParts) {
    this.#parts = parts;
  }

  /** By what is in memory; see {@link EntryMemory}. */
  recall(object: MirroredObject): Copy | null {
    const { entries, memory } = this.#parts;
    return this.#hitOf(object, memory.recall(object.id), entries.epoch);
  }

  /** By one read of the entry store. `missing`: it has no entry. */
  async find(object: MirroredObject): Promise<Copy | 'missing' | null> {
    const { entries, memory } = this.#parts;
    const epoch = entries.epoch;
    try {
      const entry = await memory.read(object.id);
      return entry === null ? 'missing' : this.#hitOf(object, entry, epoch);
    } catch (error) {
      // Counted and told by whoever asks next: a request that is no hit goes on to the rules of a request.
      if (error instanceof EntryStoreError) return null;
      throw error;
    }
  }

  #hitOf(object: MirroredObject, entry: Entry | null, epoch: number): Copy | null {
    const { entries, markers, ended } = this.#parts;
    if (entry?.state !== 'present' || ended.aborted || entries.epoch !== epoch) return null;
    if (!markers.trusts(object.id.backend, epoch)) return null;
    return markers.knows(object, entry.generation) ? entry : null;
  }
}
