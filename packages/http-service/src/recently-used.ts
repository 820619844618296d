/**
 * A bounded map that evicts the least recently used values. It evicts half of them at a time (two generations), which costs
 * less than an exact order and keeps nearly the same values.
 */
export class RecentlyUsed<K, V> {
  readonly #most: number;
  readonly #weightOf: (key: K) => number;
  #recent = new Map<K, V>();
  #recentWeight = 0;
  #older = new Map<K, V>();

  /** @param most total weight of the values. Each value weighs 1 unless `weightOf` returns more for its key. */
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
