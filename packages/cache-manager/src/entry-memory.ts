import { entryLifeMs, type CopyLifeOptions } from './copy-life.ts';
import type { Change, Entry, EntryStore, ObjectId, PresentEntry } from './entry-store.ts';

/**
 * How long a hit may be answered from a front end's memory, in milliseconds from the start of the entry's read. Every
 * purge waits so long, whether or not the changes that it tells reach each front end.
 */
export const GREATEST_MEMORY_AGE_MS = 1000;

/** The most entries that are kept. */
const MOST_ENTRIES = 65_536;

export interface EntryMemoryOptions {
  readonly entries: Pick<EntryStore, 'get' | 'epoch' | 'subscribe'>;
  readonly times: CopyLifeOptions;
}

interface Remembered {
  readonly entry: PresentEntry;
  /** By `performance.now()`. */
  endsAtMs: number;
}

/**
 * Entries as they were read a moment ago, in front of the entry store: only `present` ones, for
 * {@link GREATEST_MEMORY_AGE_MS} at the most and never beyond their own end. Forgets an entry as soon as the entry store
 * tells that it changed, and everything when the subscription or the connection was lost.
 */
export class EntryMemory implements Disposable {
  readonly #options: EntryMemoryOptions;
  readonly #subscription: Disposable;
  /** What was remembered last, and what before that: the older half goes as a whole. */
  #recent = new Map<string, Remembered>();
  #older = new Map<string, Remembered>();
  /** Reads under way, each object's counted together. A change takes them away: they may have missed it. */
  readonly #reads = new Map<string, { count: number }>();
  #epoch: number;

  constructor(options: EntryMemoryOptions) {
    this.#options = options;
    this.#epoch = options.entries.epoch;
    this.#subscription = options.entries.subscribe((change) => this.#hear(change));
  }

  /** The entry as it was a moment ago, if that is known; never asks. */
  recall(id: ObjectId): PresentEntry | null {
    if (this.#options.entries.epoch !== this.#epoch) return null;
    const name = nameOf(id);
    const remembered = this.#recent.get(name) ?? this.#older.get(name);
    return remembered !== undefined && performance.now() < remembered.endsAtMs ? remembered.entry : null;
  }

  /** The entry as it is, remembered where it is `present`. @throws EntryStoreError */
  async read(id: ObjectId): Promise<Entry | null> {
    const { entries } = this.#options;
    const epoch = entries.epoch;
    const startedAtMs = performance.now();
    const name = nameOf(id);
    const reads = this.#reads.get(name) ?? { count: 0 };
    this.#reads.set(name, reads);
    reads.count += 1;
    try {
      const entry = await entries.get(id);
      const unchanged = this.#reads.get(name) === reads && entries.epoch === epoch;
      if (entry?.state === 'present' && unchanged) this.#remember(name, entry, startedAtMs, epoch);
      return entry;
    } finally {
      reads.count -= 1;
      if (reads.count === 0 && this.#reads.get(name) === reads) this.#reads.delete(name);
    }
  }

  forget(id: ObjectId): void {
    const name = nameOf(id);
    this.#recent.delete(name);
    this.#older.delete(name);
    this.#reads.delete(name);
  }

  forgetAll(): void {
    this.#recent.clear();
    this.#older.clear();
    this.#reads.clear();
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.forgetAll();
  }

  #hear(change: Change): void {
    switch (change.type) {
      case 'changed':
        return this.forget(change.id);
      case 'flushed':
      case 'lost':
        return this.forgetAll();
    }
  }

  #remember(name: string, entry: PresentEntry, startedAtMs: number, epoch: number): void {
    if (epoch !== this.#epoch) {
      this.forgetAll();
      this.#epoch = epoch;
    }
    const endsAtMs = startedAtMs + Math.min(GREATEST_MEMORY_AGE_MS, this.#remainingMs(entry));
    const before = this.#recent.get(name) ?? this.#older.get(name);
    // The same entry again: objects that live on are cheaper than new ones that have to be collected after a second.
    const remembered = before?.entry.token === entry.token ? before : { entry, endsAtMs };
    remembered.endsAtMs = endsAtMs;
    if (this.#recent.size >= MOST_ENTRIES / 2) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(name, remembered);
  }

  /** The entry store ends the entry by its own clock; what is known of it here is when it was made, and of which copy. */
  #remainingMs(entry: PresentEntry): number {
    const { times } = this.#options;
    const now = Date.now();
    return Math.min(entry.since + times.ttlSeconds * 1000 - now, entryLifeMs(entry, times, now));
  }
}

function nameOf({ backend, sha256 }: ObjectId): string {
  return `${backend}:${sha256}`;
}
