import { Ghosts } from './ghosts.ts';
import { SlotQueue, type MemoryIndex, type Slot } from './slot-queue.ts';

/** What the structure itself takes for each value: a slot, and its place in the index. Measured: bounded-memory.test.ts. */
export const SLOT_BYTES = 160;

/** The share of the bytes for values that have not proved themselves yet. */
const TRIAL_SHARE = 0.1;
/** More uses of one value do not count. */
const MOST_USES = 3;
/** A value on trial that was used this often since it was added is kept. */
const USES_TO_PASS = 1;
/** One remembered eviction for so many bytes. */
const BYTES_FOR_A_GHOST = 256;
const FEWEST_GHOSTS = 1_024;
const MOST_GHOSTS = 1_048_576;

export interface BoundedMemoryOptions<K, V> {
  /** The most bytes of all values together, with {@link SLOT_BYTES} for each. */
  readonly maxBytes: number;
  /** The bytes of a key and its value in memory. */
  readonly bytesOf: (key: K, value: V) => number;
  /** A 32-bit hash of a key, to recognise one that was evicted recently. */
  readonly hashOf: (key: K) => number;
  /** Default: a `Map`. */
  readonly index?: MemoryIndex<K, V>;
}

/**
 * A map that is bounded in bytes and keeps what is used often: S3-FIFO (Yang et al., "FIFO queues are all you need for cache
 * eviction", SOSP 2023, https://doi.org/10.1145/3600006.3613147).
 *
 * A new value is on trial in a small queue. If it is not used again before it reaches the end, it is evicted, so that a scan
 * of many keys passes through a tenth of the memory and leaves the rest alone. A value that comes back soon after its
 * eviction, or that is used during its trial, goes into the main queue. There the oldest value is evicted, unless it was used
 * since it last was the oldest.
 *
 * A use changes one number. Nothing is moved, so that hits are as fast as those of a `Map`.
 */
export class BoundedMemory<K, V> {
  readonly #maxBytes: number;
  readonly #bytesOf: (key: K, value: V) => number;
  readonly #hashOf: (key: K) => number;
  readonly #index: MemoryIndex<K, V>;
  readonly #trial = new SlotQueue<K, V>();
  readonly #main = new SlotQueue<K, V>();
  readonly #ghosts: Ghosts;

  constructor({ maxBytes, bytesOf, hashOf, index = new Map() }: BoundedMemoryOptions<K, V>) {
    this.#maxBytes = maxBytes;
    this.#bytesOf = bytesOf;
    this.#hashOf = hashOf;
    this.#index = index;
    const ghosts = Math.max(FEWEST_GHOSTS, maxBytes / BYTES_FOR_A_GHOST);
    this.#ghosts = new Ghosts(Math.min(MOST_GHOSTS, ghosts));
  }

  get size(): number {
    return this.#index.size;
  }

  /** The bytes of all values together, with {@link SLOT_BYTES} for each. */
  get bytes(): number {
    return this.#trial.bytes + this.#main.bytes;
  }

  /** Counts as a use. */
  get(key: K): V | undefined {
    const slot = this.#index.get(key);
    if (slot === undefined) return undefined;
    if (slot.uses < MOST_USES) slot.uses += 1;
    return slot.value;
  }

  /** Adds or replaces a value, and evicts others if there is no room. A value that is larger than the memory is not kept. */
  set(key: K, value: V): void {
    const bytes = this.#bytesOf(key, value) + SLOT_BYTES;
    const known = this.#index.get(key);
    if (known !== undefined) return this.#replace(known, value, bytes);
    if (bytes > this.#maxBytes) return;
    const slot: Slot<K, V> = { key, value, bytes, uses: 0, queue: null, older: null, newer: null };
    this.#index.set(key, slot);
    (this.#ghosts.has(this.#hashOf(key)) ? this.#main : this.#trial).add(slot);
    this.#makeRoom();
  }

  delete(key: K): void {
    const slot = this.#index.get(key);
    if (slot !== undefined) this.#remove(slot);
  }

  clear(): void {
    this.#index.clear();
    this.#trial.clear();
    this.#main.clear();
  }

  #replace(slot: Slot<K, V>, value: V, bytes: number): void {
    if (bytes > this.#maxBytes) return this.#remove(slot);
    if (slot.queue !== null) slot.queue.bytes += bytes - slot.bytes;
    slot.bytes = bytes;
    slot.value = value;
    this.#makeRoom();
  }

  #makeRoom(): void {
    while (this.bytes > this.#maxBytes) {
      const onTrial = this.#trial.oldest;
      if (
        onTrial !== null &&
        (this.#trial.bytes > this.#maxBytes * TRIAL_SHARE || this.#main.oldest === null)
      )
        this.#endTrial(onTrial);
      else this.#review(this.#main.oldest ?? onTrial);
    }
  }

  #endTrial(slot: Slot<K, V>): void {
    if (slot.uses >= USES_TO_PASS) {
      this.#trial.remove(slot);
      slot.uses = 0;
      this.#main.add(slot);
      return;
    }
    this.#ghosts.add(this.#hashOf(slot.key));
    this.#remove(slot);
  }

  #review(slot: Slot<K, V> | null): void {
    if (slot === null) throw new Error('a memory without values holds bytes');
    if (slot.uses === 0) return this.#remove(slot);
    this.#main.remove(slot);
    slot.uses -= 1;
    this.#main.add(slot);
  }

  #remove(slot: Slot<K, V>): void {
    this.#index.delete(slot.key);
    slot.queue?.remove(slot);
  }
}
