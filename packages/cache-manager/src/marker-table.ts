/** Uint32 fields of a slot: the digest (4), the generation (2), the ETag (2), and `asOf`, which is 0 in an empty slot. */
const STRIDE = 9;
const GENERATION = 4;
const ETAG = 6;
const AS_OF = 8;
const FEWEST_SLOTS = 64;
const MOST_FILLED = 0.7;
const GROWTH = 1.5;

/**
 * Purge markers by the SHA-256 of their objects' URLs, in one array: about 60 bytes each, where a `Map` takes 300. Of the
 * digest it has 128 bits, which nobody can make collide. Of generation and ETag it has 64 bits: both are random, so that two
 * of one object are the same by chance once in 2^64 purges.
 */
export class MarkerTable {
  #slots = new Uint32Array(FEWEST_SLOTS * STRIDE);
  #capacity = FEWEST_SLOTS;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#slots.byteLength;
  }

  /** @returns whether the marker has this generation; null if there is no marker. False if its generation is not known */
  compare(sha256: string, generation: string): boolean | null {
    if (this.#size === 0) return null;
    const at = this.#find(sha256);
    if (this.#slots[at + AS_OF] === 0) return null;
    return this.#isAt(at + GENERATION, generation);
  }

  /** Sequence number of the reading that found the marker; 0 if there is none. */
  asOf(sha256: string): number {
    return this.#slots[this.#find(sha256) + AS_OF] ?? 0;
  }

  /** Records what a HEAD has read. */
  set(sha256: string, generation: string, etag: string | null, asOf: number): void {
    const at = this.#place(sha256, asOf);
    this.#write(at + GENERATION, generation);
    this.#write(at + ETAG, etag);
  }

  /** Records a marker of a listing. Its generation stays known if its ETag is the same. Ignored if it is older than `asOf` says. */
  seeEtag(sha256: string, etag: string | null, asOf: number): void {
    const found = this.#find(sha256);
    if ((this.#slots[found + AS_OF] ?? 0) > asOf) return;
    const same = this.#slots[found + AS_OF] !== 0 && etag !== null && this.#isAt(found + ETAG, etag);
    const at = this.#place(sha256, asOf);
    if (same) return;
    this.#write(at + GENERATION, null);
    this.#write(at + ETAG, etag);
  }

  /** Records that a generation was written. What is known of the marker stays so only if it is this generation. */
  seeGeneration(sha256: string, generation: string, asOf: number): void {
    const found = this.#find(sha256);
    if ((this.#slots[found + AS_OF] ?? 0) > asOf) return;
    const same = this.#slots[found + AS_OF] !== 0 && this.#isAt(found + GENERATION, generation);
    const at = this.#place(sha256, asOf);
    if (same) return;
    this.#write(at + GENERATION, null);
    this.#write(at + ETAG, null);
  }

  delete(sha256: string): void {
    const at = this.#find(sha256);
    if (this.#slots[at + AS_OF] === 0) return;
    this.#slots.fill(0, at, at + STRIDE);
    this.#size -= 1;
    // Slots after a gap would not be found any more, so those up to the next gap are placed again.
    for (let next = this.#after(at); this.#slots[next + AS_OF] !== 0; next = this.#after(next)) {
      const moved = this.#slots.slice(next, next + STRIDE);
      this.#slots.fill(0, next, next + STRIDE);
      this.#slots.set(moved, this.#gapFor(moved[0] ?? 0));
    }
  }

  /** Removes the markers that no reading since `asOf` has found. */
  deleteOlderThan(asOf: number): void {
    this.#rebuild(this.#capacity, (slot) => slot >= asOf);
  }

  #place(sha256: string, asOf: number): number {
    let at = this.#find(sha256);
    if (this.#slots[at + AS_OF] === 0) {
      if (this.#size + 1 > this.#capacity * MOST_FILLED) {
        this.#rebuild(Math.ceil(this.#capacity * GROWTH), () => true);
        at = this.#find(sha256);
      }
      this.#size += 1;
      for (let word = 0; word < 4; word += 1) this.#slots[at + word] = hexWord(sha256, word * 8);
    }
    this.#slots[at + AS_OF] = asOf;
    return at;
  }

  /** The offset of the object's slot, or of the empty slot where it would be. */
  #find(sha256: string): number {
    const slots = this.#slots;
    const first = hexWord(sha256, 0);
    let at = this.#start(first);
    while (slots[at + AS_OF] !== 0) {
      if (
        slots[at] === first &&
        slots[at + 1] === hexWord(sha256, 8) &&
        slots[at + 2] === hexWord(sha256, 16) &&
        slots[at + 3] === hexWord(sha256, 24)
      )
        return at;
      at = this.#after(at);
    }
    return at;
  }

  /** Listings are sorted by digest, so neighbours are spread: otherwise long runs of full slots would have to be searched. */
  #start(word: number): number {
    const spread = Math.imul(word, 0x9e3779b1) >>> 0;
    return Math.floor((spread / 2 ** 32) * this.#capacity) * STRIDE;
  }

  #after(at: number): number {
    const next = at + STRIDE;
    return next === this.#slots.length ? 0 : next;
  }

  #gapFor(word: number): number {
    let at = this.#start(word);
    while (this.#slots[at + AS_OF] !== 0) at = this.#after(at);
    return at;
  }

  #rebuild(capacity: number, keeps: (asOf: number) => boolean): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(capacity * STRIDE);
    this.#capacity = capacity;
    this.#size = 0;
    for (let at = 0; at < before.length; at += STRIDE) {
      const asOf = before[at + AS_OF] ?? 0;
      if (asOf === 0 || !keeps(asOf)) continue;
      this.#slots.set(before.subarray(at, at + STRIDE), this.#gapFor(before[at] ?? 0));
      this.#size += 1;
    }
  }

  #write(at: number, text: string | null): void {
    this.#slots[at] = text === null ? 0 : hashOf(text, 0x811c9dc5);
    this.#slots[at + 1] = text === null ? 0 : hashOf(text, 0x01234567) | 1;
  }

  #isAt(at: number, text: string): boolean {
    return (
      this.#slots[at] === hashOf(text, 0x811c9dc5) &&
      this.#slots[at + 1] === (hashOf(text, 0x01234567) | 1) >>> 0
    );
  }
}

/** Eight hexadecimal digits as a number. Without a substring, because each hit needs it. */
function hexWord(text: string, from: number): number {
  let word = 0;
  for (let at = from; at < from + 8; at += 1) {
    const code = text.charCodeAt(at);
    word = word * 16 + (code < 58 ? code - 48 : code - 87);
  }
  return word;
}

/** FNV-1a from an offset of one's own. */
function hashOf(text: string, offset: number): number {
  let hash = offset;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
