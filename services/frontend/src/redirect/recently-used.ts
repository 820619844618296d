/**
 * Values by key, of which those used longest ago make room: half of them at a time, which is cheaper than to keep them in
 * order and remembers nearly the same.
 */
export class RecentlyUsed<K, V> {
  readonly #most: number;
  readonly #weightOf: (key: K) => number;
  #recent = new Map<K, V>();
  #recentWeight = 0;
  #older = new Map<K, V>();

  /** @param most weight of all values together, each of which counts as one unless `weightOf` its key says more */
  constructor(most: number, weightOf: (key: K) => number = () => 1) {
    this.#most = most;
    this.#weightOf = weightOf;
  }

  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  get(key: K): V | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const older = this.#older.get(key);
    if (older !== undefined) {
      this.#older.delete(key);
      this.set(key, older);
    }
    return older;
  }

  set(key: K, value: V): void {
    if (this.#recentWeight >= this.#most / 2) {
      this.#older = this.#recent;
      this.#recent = new Map();
      this.#recentWeight = 0;
    }
    this.#recent.set(key, value);
    this.#recentWeight += this.#weightOf(key);
  }
}
