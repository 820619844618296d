/** A remembered value with its place in a queue. */
export interface Slot<K, V> {
  readonly key: K;
  value: V;
  bytes: number;
  /** Uses since the slot came into its queue, up to a small number. */
  uses: number;
  queue: SlotQueue<K, V> | null;
  older: Slot<K, V> | null;
  newer: Slot<K, V> | null;
}

/** Finds slots by their keys. A `Map` is one. */
export interface MemoryIndex<K, V> {
  get(key: K): Slot<K, V> | undefined;
  set(key: K, slot: Slot<K, V>): unknown;
  delete(key: K): unknown;
  clear(): void;
  readonly size: number;
}

/** Slots in the order in which they were added. */
export class SlotQueue<K, V> {
  bytes = 0;
  #oldest: Slot<K, V> | null = null;
  #newest: Slot<K, V> | null = null;

  get oldest(): Slot<K, V> | null {
    return this.#oldest;
  }

  add(slot: Slot<K, V>): void {
    slot.queue = this;
    slot.older = this.#newest;
    slot.newer = null;
    if (this.#newest === null) this.#oldest = slot;
    else this.#newest.newer = slot;
    this.#newest = slot;
    this.bytes += slot.bytes;
  }

  remove(slot: Slot<K, V>): void {
    const { older, newer } = slot;
    if (older === null) this.#oldest = newer;
    else older.newer = newer;
    if (newer === null) this.#newest = older;
    else newer.older = older;
    slot.queue = slot.older = slot.newer = null;
    this.bytes -= slot.bytes;
  }

  clear(): void {
    this.#oldest = this.#newest = null;
    this.bytes = 0;
  }
}
