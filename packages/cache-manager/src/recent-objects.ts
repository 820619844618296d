import type { ObjectId } from '@cloud-mirror/mirrored-objects';

type Half<V> = Map<string, Map<string, V>>;

/**
 * Values by object, the newest ones: where there are too many, the older half of them goes as a whole. Back end and
 * digest are looked up one after the other, for to make one name of them takes four times as long.
 */
export class RecentObjects<V> {
  readonly #most: number;
  #recent: Half<V> = new Map();
  #older: Half<V> = new Map();
  /** Put into the newer half since it was begun. */
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get({ backend, sha256 }: ObjectId): V | undefined {
    return this.#recent.get(backend)?.get(sha256) ?? this.#older.get(backend)?.get(sha256);
  }

  /** The value is among the newest from now on. */
  set({ backend, sha256 }: ObjectId, value: V): void {
    if (this.#count >= this.#most / 2) {
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
