import { entryLifeMs, type CopyLifeOptions, type ObjectId } from '@cloud-mirror/mirrored-objects';
import type { Change, Entry, EntryStore, PresentEntry } from '@cloud-mirror/entry-store';
import { RecentObjects } from './recent-objects.ts';

/**
 * How long a hit may be answered from a front end's memory when nothing is heard of the entry store, in milliseconds from
 * the start of the entry's read, or of the last look that found the seal unbroken. Every purge waits so long, whether or
 * not the changes that it tells reach each front end.
 */
export const GREATEST_MEMORY_AGE_MS = 1000;

/** Between two looks at the seal. A look or two may fail before anything has to be read again. */
const LOOK_EVERY_MS = 250;

/**
 * After so long an entry is read again, seal or not, or after half of the margin that is kept before the end of a copy:
 * when an entry ends is told by the entry store's clock, and this process's may be another.
 */
const LONGEST_MEMORY_MS = 300_000;

/** The most entries that are kept, of about half a kilobyte each. */
const MOST_ENTRIES = 131_072;

export interface EntryMemoryOptions {
  readonly entries: Pick<EntryStore, 'get' | 'seal' | 'epoch' | 'subscribe'>;
  readonly times: CopyLifeOptions;
  /** {@link LOOK_EVERY_MS} unless given. */
  readonly lookEveryMs?: number | undefined;
}

interface Remembered {
  readonly entry: PresentEntry;
  /** Start of its read, by `performance.now()`. */
  readAtMs: number;
  /** By `performance.now()`. */
  endsAtMs: number;
}

/**
 * Entries as they were read, in front of the entry store: only `present` ones, and never beyond their own end. Forgets an
 * entry as soon as the entry store tells that it changed, and everything when the subscription or the connection was
 * lost. Messages may get lost, so nothing rests on them: what is remembered is worth {@link GREATEST_MEMORY_AGE_MS}, and
 * as much again from the start of each look that finds the entry store's seal as it was, for then no entry was dropped.
 */
export class EntryMemory implements Disposable {
  readonly #options: EntryMemoryOptions;
  readonly #subscription: Disposable;
  readonly #timer: NodeJS.Timeout;
  readonly #longestMs: number;
  readonly #remembered = new RecentObjects<Remembered>(MOST_ENTRIES);
  /** Reads under way, each object's counted together. A change takes them away: they may have missed it. */
  readonly #reads = new Map<string, { count: number }>();
  #epoch: number;
  /** As it was before anything that is remembered was read. `null`: not known. */
  #seal: string | null = null;
  /** Start of the last look that found the seal unbroken, by `performance.now()`. */
  #unbrokenAtMs = -Infinity;
  #looking = false;

  constructor(options: EntryMemoryOptions) {
    this.#options = options;
    this.#epoch = options.entries.epoch;
    const halfMarginMs = options.times.expiryMarginSeconds * 500;
    this.#longestMs = Math.max(GREATEST_MEMORY_AGE_MS, Math.min(LONGEST_MEMORY_MS, halfMarginMs));
    this.#subscription = options.entries.subscribe((change) => this.#hear(change));
    this.#timer = setInterval(() => {
      // Who reads entries meets the same fault and tells of it; without the seal they are read more often.
      this.look().catch(() => undefined);
    }, options.lookEveryMs ?? LOOK_EVERY_MS).unref();
  }

  /** The entry as it was a moment ago, if that is known; never asks. */
  recall(id: ObjectId): PresentEntry | null {
    if (this.#options.entries.epoch !== this.#epoch) return null;
    const remembered = this.#remembered.get(id);
    if (remembered === undefined) return null;
    const now = performance.now();
    const knownAtMs = Math.max(remembered.readAtMs, this.#unbrokenAtMs);
    return now < knownAtMs + GREATEST_MEMORY_AGE_MS && now < remembered.endsAtMs ? remembered.entry : null;
  }

  /**
   * The entry as it is, remembered where it is `present`: one that was remembered already is the same object again.
   * @throws EntryStoreError
   */
  async read(id: ObjectId): Promise<Entry | null> {
    const { entries } = this.#options;
    const epoch = entries.epoch;
    const startedAtMs = wholeMs();
    const name = nameOf(id);
    const reads = this.#reads.get(name) ?? { count: 0 };
    this.#reads.set(name, reads);
    reads.count += 1;
    try {
      const entry = await entries.get(id);
      const unchanged = this.#reads.get(name) === reads && entries.epoch === epoch;
      if (entry?.state !== 'present' || !unchanged) return entry;
      return this.#remember(id, entry, startedAtMs, epoch);
    } finally {
      reads.count -= 1;
      if (reads.count === 0 && this.#reads.get(name) === reads) this.#reads.delete(name);
    }
  }

  /**
   * Looks whether the seal is what it was before everything here was read. If not, all of it goes, also what is being
   * read: whatever is remembered under a seal was read after that seal was seen. @throws EntryStoreError
   */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const { entries } = this.#options;
      const epoch = entries.epoch;
      const startedAtMs = performance.now();
      const seal = await entries.seal();
      if (entries.epoch !== epoch) return;
      if (epoch === this.#epoch && seal === this.#seal) {
        this.#unbrokenAtMs = startedAtMs;
      } else {
        this.forgetAll();
        this.#epoch = epoch;
        this.#seal = seal;
      }
    } finally {
      this.#looking = false;
    }
  }

  forget(id: ObjectId): void {
    this.#remembered.delete(id);
    this.#reads.delete(nameOf(id));
  }

  forgetAll(): void {
    this.#seal = null;
    this.#unbrokenAtMs = -Infinity;
    this.#remembered.clear();
    this.#reads.clear();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
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

  #remember(id: ObjectId, entry: PresentEntry, startedAtMs: number, epoch: number): PresentEntry {
    if (epoch !== this.#epoch) {
      this.forgetAll();
      this.#epoch = epoch;
    }
    const endsAtMs = Math.floor(startedAtMs + Math.min(this.#longestMs, this.#remainingMs(entry)));
    const before = this.#remembered.get(id);
    // The same entry again: objects that live on are cheaper than new ones that have to be collected later.
    const remembered =
      before?.entry.token === entry.token ? before : { entry, readAtMs: startedAtMs, endsAtMs };
    remembered.readAtMs = startedAtMs;
    remembered.endsAtMs = endsAtMs;
    this.#remembered.set(id, remembered);
    return remembered.entry;
  }

  /** The entry store ends the entry by its own clock; what is known of it here is when it was made, and of which copy. */
  #remainingMs(entry: PresentEntry): number {
    const { times } = this.#options;
    const now = Date.now();
    return Math.min(entry.since + times.ttlSeconds * 1000 - now, entryLifeMs(entry, times, now));
  }
}

/** Whole numbers are part of the object that has them; others are looked up elsewhere in memory. Early, never late. */
function wholeMs(): number {
  return Math.floor(performance.now());
}

function nameOf({ backend, sha256 }: ObjectId): string {
  return `${backend}:${sha256}`;
}
