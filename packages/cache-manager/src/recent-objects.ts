import type { ObjectId } from '@cloud-mirror/mirrored-objects';

type Half<V> = Map<string, Map<string, V>>;

/**
 * A bounded map from objects to values. When it is full, the older half is dropped at once. Back end and digest are looked
 * up one after the other, because concatenating them to one key takes four times as long.
 */
export class RecentObjects<V> {
  readonly #maxCount: number;
  #recent: Half<V> = new Map();
  #older: Half<V> = new Map();
  /** Number of values in the newer half. */
  #count = 0;

  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  get({ backend, sha256 }: ObjectId): V | undefined {
    return this.#recent.get(backend)?.get(sha256) ?? this.#older.get(backend)?.get(sha256);
  }

  /** Adds or replaces the value, which then counts as the newest. */
  set({ backend, sha256 }: ObjectId, value: V): void {
    if (this.#count >= this.#maxCount / 2) {
      this.#older = this.#recent;
      this.#recent = new Map();
      this.#count = 0;
    }
    const known = this.#recent.get(backend);
    const values = known ?? new Map<string, V>();
    if (known === undefined) this.#recent.set(backend, values);
    if (!values.has(sha256)) this.#count += 1;
    values.set(sha256, value);
  }

  delete({ backend, sha256 }: ObjectId): void {
    this.#recent.get(backend)?.delete(sha256);
    this.#older.get(backend)?.delete(sha256);
  }

  clear(): void {
    this.#recent.clear();
    this.#older.clear();
    this.#count = 0;
  }
}
