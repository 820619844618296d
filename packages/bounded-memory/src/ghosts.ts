/** Ghosts that share a place. The oldest of them makes room for a new one. */
const WAYS = 4;

/** Recognises keys that were evicted recently, by their 32-bit hashes. Takes four bytes for each. */
export class Ghosts {
  readonly #hashes: Uint32Array;
  readonly #places: number;

  /** @param atLeast how many to remember at least */
  constructor(atLeast: number) {
    this.#places = 2 ** Math.ceil(Math.log2(Math.max(1, atLeast / WAYS)));
    this.#hashes = new Uint32Array(this.#places * WAYS);
  }

  add(hash: number): void {
    const first = (hash & (this.#places - 1)) * WAYS;
    this.#hashes.copyWithin(first + 1, first, first + WAYS - 1);
    this.#hashes[first] = hash;
  }

  has(hash: number): boolean {
    const first = (hash & (this.#places - 1)) * WAYS;
    for (let at = first; at < first + WAYS; at += 1) if (this.#hashes[at] === hash >>> 0) return hash !== 0;
    return false;
  }
}
