/** Smaller pools are not divided: a share of them would be no place, or all of them. */
const LEAST_DIVIDED = 4;
/** Places that a holder may have for each free one. */
const HOLDERS_SHARE = 1;
/** The same for a group. It is larger, so that one holder cannot use up the share of its group. */
const GROUPS_SHARE = 3;

/** Why there is no place: all are taken, or a holder or group has its share. */
export type Refusal = 'full' | 'over_share';

export type TakeResult =
  /** Dispose of the place to give it back; a second time has no effect. */
  | { readonly place: Disposable; readonly refusal: null }
  | { readonly place: null; readonly refusal: Refusal };

/**
 * A bounded pool of places that holders share. A holder may have as many places as are free, so one alone gets half of the
 * pool. While n greedy holders give places back and take others, each comes to have 1 / (n + 1) of the pool, and as much
 * remains free for the next one. Nothing is reserved for holders that are not there. Switches share their memory by this
 * rule (Choudhury and Hahne, "Dynamic Queue Length Thresholds", IEEE/ACM Transactions on Networking 6(2), 1998).
 *
 * A place may also count for a group of holders, such as all who want something of one origin. A group alone gets three
 * quarters of the pool. Names of holders and groups must differ from each other.
 */
export class SharedPool {
  readonly size: number;
  /** Holders without places are not in the map, so the places bound it. */
  readonly #held = new Map<string, number>();
  #taken = 0;

  constructor(size: number) {
    this.size = size;
  }

  get taken(): number {
    return this.#taken;
  }

  /** @param holders all must be within their share; none: any free place will do */
  refusalOf(holders: readonly string[], groups: readonly string[] = []): Refusal | null {
    const free = this.size - this.#taken;
    if (free <= 0) return 'full';
    if (this.size < LEAST_DIVIDED) return null;
    const hasAll = (names: readonly string[], share: number): boolean =>
      names.some((name) => (this.#held.get(name) ?? 0) >= free * share);
    return hasAll(holders, HOLDERS_SHARE) || hasAll(groups, GROUPS_SHARE) ? 'over_share' : null;
  }

  /** Takes one place, which counts for each of the holders and groups. */
  take(holders: readonly string[], groups: readonly string[] = []): TakeResult {
    const refusal = this.refusalOf(holders, groups);
    if (refusal !== null) return { place: null, refusal };
    const names = [...holders, ...groups];
    this.#taken += 1;
    for (const name of names) this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    let isHeld = true;
    const giveBack = (): void => {
      if (!isHeld) return;
      isHeld = false;
      this.#taken -= 1;
      for (const name of names) this.#release(name);
    };
    return { place: { [Symbol.dispose]: giveBack }, refusal: null };
  }

  #release(name: string): void {
    const held = (this.#held.get(name) ?? 0) - 1;
    if (held > 0) this.#held.set(name, held);
    else this.#held.delete(name);
  }
}
