import { BoundedMemory } from '@cloud-mirror/bounded-memory';
import {
  entryLifeMs,
  type Backends,
  type CopyLifeOptions,
  type ObjectId,
} from '@cloud-mirror/mirrored-objects';
import type { Change, Entry, EntryStore, PresentEntry } from '@cloud-mirror/entry-store';
import { ObjectIndex, objectHash } from './object-index.ts';

/**
 * How long a remembered hit may be answered without a message from the entry store, in milliseconds. It counts from the
 * start of the entry's read, or of the last check that found the seal unbroken. Every purge waits this long, so it does not
 * depend on its change messages reaching each front end.
 */
export const GREATEST_MEMORY_AGE_MS = 1000;

/** Interval between checks of the seal. One or two checks may fail before entries must be read again. */
const CHECK_INTERVAL_MS = 250;

/**
 * After this time an entry is read again even under an unbroken seal, or after half of the expiry margin if that is
 * shorter: the entry store ends an entry by its own clock, which may differ from this process's clock.
 */
const LONGEST_MEMORY_MS = 300_000;

/** The default of the bytes of all remembered entries: about 80,000 entries. */
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

/** What an entry takes in memory, without the texts of its generation and ETag. Measured: entry-memory.test.ts. */
const ENTRY_BYTES = 480;

export interface EntryMemoryOptions {
  readonly entries: Pick<EntryStore, 'get' | 'seal' | 'epoch' | 'subscribe'>;
  readonly times: CopyLifeOptions;
  /** Entries end by the clocks of these back ends' stores. Default: by this machine's. */
  readonly backends?: Backends | undefined;
  /** The most bytes of all remembered entries. Default {@link DEFAULT_MAX_BYTES}. */
  readonly maxBytes?: number | undefined;
  /** Default {@link CHECK_INTERVAL_MS}. */
  readonly checkIntervalMs?: number | undefined;
}

interface Remembered {
  readonly entry: PresentEntry;
  /** Start of its read, by `performance.now()`. */
  readAtMs: number;
  /** By `performance.now()`. */
  endsAtMs: number;
}

/**
 * A cache of `present` entries in front of the entry store. No entry outlives its own end. A change message removes its
 * entry, and a lost subscription or connection removes all entries. Messages may get lost, so correctness does not depend
 * on them: an entry is valid for {@link GREATEST_MEMORY_AGE_MS} from its read, and again from the start of each check that
 * finds the seal of the entry store unbroken, which proves that no entry was dropped.
 */
export class EntryMemory implements Disposable {
  readonly #options: EntryMemoryOptions;
  readonly #subscription: Disposable;
  readonly #timer: NodeJS.Timeout;
  readonly #longestMs: number;
  readonly #remembered: BoundedMemory<ObjectId, Remembered>;
  /** Number of running reads of each object. A change deletes it, because those reads may have missed the change. */
  readonly #reads = new Map<string, { count: number }>();
  #epoch: number;
  /** The seal from before the read of every remembered entry; `null` if unknown. */
  #seal: string | null = null;
  /** Start of the last check that found the seal unbroken, by `performance.now()`. */
  #unbrokenAtMs = -Infinity;
  #checking = false;

  constructor(options: EntryMemoryOptions) {
    this.#options = options;
    this.#remembered = new BoundedMemory({
      maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
      bytesOf: (_id, { entry }) => ENTRY_BYTES + entry.generation.length + (entry.etag?.length ?? 0),
      hashOf: objectHash,
      index: new ObjectIndex(),
    });
    this.#epoch = options.entries.epoch;
    const halfMarginMs = options.times.expiryMarginSeconds * 500;
    this.#longestMs = Math.max(GREATEST_MEMORY_AGE_MS, Math.min(LONGEST_MEMORY_MS, halfMarginMs));
    this.#subscription = options.entries.subscribe((change) => this.#receive(change));
    this.#timer = setInterval(() => {
      // Reads of entries meet and report the same fault. Without the seal, entries are only read more often.
      this.checkSeal().catch(() => undefined);
    }, options.checkIntervalMs ?? CHECK_INTERVAL_MS).unref();
  }

  /** The bytes of all remembered entries. */
  get bytes(): number {
    return this.#remembered.bytes;
  }

  /** The remembered entry; `null` if there is none that is still valid. Reads only memory. */
  recall(id: ObjectId): PresentEntry | null {
    if (this.#options.entries.epoch !== this.#epoch) return null;
    const remembered = this.#remembered.get(id);
    if (remembered === undefined) return null;
    const now = performance.now();
    const knownAtMs = Math.max(remembered.readAtMs, this.#unbrokenAtMs);
    return now < knownAtMs + GREATEST_MEMORY_AGE_MS && now < remembered.endsAtMs ? remembered.entry : null;
  }

  /**
   * Reads the entry, and remembers it if it is `present`. Returns the same JavaScript object as long as the token is the same.
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
   * Checks whether the seal is still the one from before every remembered read. If not, it forgets all entries and the
   * running reads, because an entry may be remembered under a seal only if it was read after the seal.
   * @throws EntryStoreError
   */
  async checkSeal(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
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
      this.#checking = false;
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

  #receive(change: Change): void {
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
    const endsAtMs = Math.floor(startedAtMs + Math.min(this.#longestMs, this.#remainingMs(id, entry)));
    const before = this.#remembered.get(id);
    // Reuses the object for an unchanged entry: a long-lived object is cheaper than garbage.
    const remembered =
      before?.entry.token === entry.token ? before : { entry, readAtMs: startedAtMs, endsAtMs };
    remembered.readAtMs = startedAtMs;
    remembered.endsAtMs = endsAtMs;
    this.#remembered.set(id, remembered);
    return remembered.entry;
  }

  /** An estimate from the entry's start and its copy's expiry: the entry store ends the entry by its own clock. */
  #remainingMs(id: ObjectId, entry: PresentEntry): number {
    const { times, backends } = this.#options;
    const now = backends?.get(id.backend)?.store.clock.nowMs() ?? Date.now();
    return Math.min(entry.since + times.ttlSeconds * 1000 - now, entryLifeMs(entry, times, now));
  }
}

/** Small integers are stored inline; doubles are boxed as HeapNumbers. Rounding down makes an entry end early, never late. */
function wholeMs(): number {
  return Math.floor(performance.now());
}

function nameOf({ backend, sha256 }: ObjectId): string {
  return `${backend}:${sha256}`;
}
