/** Jobs of one group are equal to the policy, but for their age. */
export interface SlotGroup {
  /** `service/region`. */
  readonly backend: string;
  /** Host and port of the job's URL. */
  readonly host: string;
}

/** What the policy knows of a job that holds a slot or waits for one. */
export interface SlotUse extends SlotGroup {
  /** `waiting`: has not begun. `paused`: has begun, and gave its slot back. */
  readonly state: 'waiting' | 'running' | 'paused';
  /** When it entered this state, in milliseconds of a monotonic clock. */
  readonly sinceMs: number;
  /** How often its job was given back to the queue before, because its turn had not come or it was slow. */
  readonly returns: number;
  /** Whether its origin is so slow that the copy may end if others need the slot. */
  readonly isSlow: boolean;
}

export interface SlotRules {
  readonly slots: number;
  /** Slots that one host may hold while a job of a host with fewer waits. */
  readonly slotsPerHost: number;
  /** A copy that has held its slot for this long gives it back while others wait. */
  readonly sliceMs: number;
  /** A job that comes for the first time goes before others of its group, unless they wait this much longer. */
  readonly headStartMs: number;
  /** Copies that may be paused at once. Beyond it one ends, and loses what it has copied. */
  readonly mostPaused: number;
}

/** `start` gets a slot: a free one if `instead` is null, else the slot of `instead`, which is paused. */
export interface SlotMove<Use extends SlotUse> {
  readonly start: Use;
  readonly instead: Use | null;
}

/** At least one, so that a copier with few slots copies from every host. */
export function slotsPerHost(slots: number, share: number): number {
  return Math.max(1, Math.floor(slots * share));
}

/**
 * Shares the slots of one copier. No slot stays free while a job waits. Otherwise, in order of precedence:
 *
 * 1. No host holds more than `slotsPerHost` while a job of a host that holds fewer waits.
 * 2. Back ends hold equally many slots, as far as they have jobs.
 * 3. Within a back end, hosts hold equally many.
 * 4. A copy that has held its slot for `sliceMs` makes room for a job that waits, unless that makes 1 to 3 worse; for a
 *    job of its own group only if its host holds more than its share. If as
 *    many copies are paused as may be, only a slow one makes room for a job of its own group that has not begun.
 *
 * Each move improves the first of these that it changes, so repeated moves at one point in time come to an end.
 *
 * @returns the next move; `null` if the slots are shared as they should be
 */
export function nextMove<Use extends SlotUse>(
  uses: Iterable<Use>,
  rules: SlotRules,
  nowMs: number,
): SlotMove<Use> | null {
  const shares = new Shares(uses, rules);
  const candidates = shares.candidates();
  const [first] = candidates;
  if (first === undefined) return null;
  if (shares.running.length < rules.slots) return { start: first, instead: null };
  for (const start of candidates) {
    const instead = shares.victimFor(start, nowMs);
    if (instead !== null) return { start, instead };
  }
  return null;
}

/**
 * The job to give back if more wait than a copier keeps: one of the group that has most jobs in it, waiting, running or
 * paused, so that a host that fills the slots does not also push out the jobs of others. Jobs that were given back before
 * go first, so that those that come anew are not behind them for ever; then the newest.
 * @param held those that run or are paused
 */
export function surplus<Use extends SlotGroup & Pick<SlotUse, 'returns'>>(
  waiting: Iterable<Use>,
  held: Iterable<SlotGroup>,
): Use | null {
  const sizes = new Map<string, number>();
  for (const use of held) add(sizes, groupOf(use));
  const sizeOf = ([name, group]: readonly [string, readonly Use[]]): number =>
    group.length + (sizes.get(name) ?? 0);
  const largest = [...Map.groupBy(waiting, groupOf)].reduce<readonly [string, readonly Use[]]>(
    (most, group) => (sizeOf(group) > sizeOf(most) ? group : most),
    ['', []],
  )[1];
  return largest.reduce<Use | null>(
    (chosen, use) => (chosen === null || use.returns >= chosen.returns ? use : chosen),
    null,
  );
}

/** The use that has made least progress, in bytes for each millisecond since it began. */
export function slowest<Use extends { readonly bytes: number; readonly ageMs: number }>(
  uses: Iterable<Use>,
): Use | null {
  const rate = ({ bytes, ageMs }: Use): number => bytes / Math.max(1, ageMs);
  return [...uses].reduce<Use | null>(
    (least, use) => (least === null || rate(use) < rate(least) ? use : least),
    null,
  );
}

function groupOf({ backend, host }: SlotGroup): string {
  return `${backend} ${host}`;
}

/** Who holds how many slots, at one point in time. */
class Shares<Use extends SlotUse> {
  readonly running: readonly Use[];
  readonly #rules: SlotRules;
  readonly #uses: readonly Use[];
  readonly #isPauseFull: boolean;
  readonly #held = {
    host: new Map<string, number>(),
    backend: new Map<string, number>(),
    group: new Map<string, number>(),
  };

  constructor(uses: Iterable<Use>, rules: SlotRules) {
    this.#rules = rules;
    this.#uses = [...uses];
    this.running = this.#uses.filter(({ state }) => state === 'running');
    this.#isPauseFull = this.#uses.filter(({ state }) => state === 'paused').length >= rules.mostPaused;
    for (const use of this.running) {
      add(this.#held.host, use.host);
      add(this.#held.backend, use.backend);
      add(this.#held.group, groupOf(use));
    }
  }

  /** The next waiting job and the next paused copy of each group, the most entitled first. */
  candidates(): readonly Use[] {
    const next = new Map<string, Use>();
    for (const use of this.#uses) {
      if (use.state === 'running') continue;
      const kind = `${use.state} ${groupOf(use)}`;
      const other = next.get(kind);
      if (other === undefined || this.#rank(use) < this.#rank(other)) next.set(kind, use);
    }
    const precedence = (use: Use): readonly number[] => [
      this.#byHost(use) < this.#rules.slotsPerHost ? 0 : 1,
      this.#byBackend(use),
      this.#byGroup(use),
      this.#rank(use),
    ];
    return [...next.values()]
      .map((use) => ({ use, precedence: precedence(use) }))
      .sort((one, other) => compare(one.precedence, other.precedence))
      .map(({ use }) => use);
  }

  /** The copy that gives its slot to `start`: of those that may have to, the one of the largest holder, the oldest first. */
  victimFor(start: Use, nowMs: number): Use | null {
    let chosen: { readonly use: Use; readonly precedence: readonly number[] } | null = null;
    for (const use of this.running) {
      if (!this.#yields(use, start, nowMs)) continue;
      const precedence = [
        this.#byHost(use) > this.#rules.slotsPerHost ? 0 : 1,
        -this.#byBackend(use),
        -this.#byGroup(use),
        use.sinceMs,
      ];
      if (chosen === null || compare(precedence, chosen.precedence) < 0) chosen = { use, precedence };
    }
    return chosen?.use ?? null;
  }

  #yields(use: Use, start: Use, nowMs: number): boolean {
    const { slotsPerHost: cap, sliceMs } = this.#rules;
    if (use.host !== start.host && this.#byHost(use) > cap && this.#byHost(start) < cap) return true;
    // A host must not pass its share at the cost of one that does not.
    const isWithinShare = this.#byHost(start) < cap || use.host === start.host || this.#byHost(use) > cap;
    if (!isWithinShare) return false;
    const [held, wanted] =
      use.backend === start.backend
        ? [this.#byGroup(use), this.#byGroup(start)]
        : [this.#byBackend(use), this.#byBackend(start)];
    if (held - wanted >= 2) return groupOf(use) !== groupOf(start);
    if (nowMs - use.sinceMs < sliceMs) return false;
    if (groupOf(use) !== groupOf(start)) return wanted < held;
    // Within its share, a host's copies finish before its other jobs begin.
    if (this.#byHost(use) <= cap) return false;
    return start.state === 'paused' || use.isSlow || !this.#isPauseFull;
  }

  /** The smaller, the earlier a job of its group starts. */
  #rank({ state, sinceMs, returns }: Use): number {
    // A free slot for a paused copy makes room for another pause.
    if (this.#isPauseFull && this.running.length < this.#rules.slots) return state === 'paused' ? 0 : sinceMs;
    return state === 'waiting' && returns === 0 ? sinceMs - this.#rules.headStartMs : sinceMs;
  }

  #byHost({ host }: Use): number {
    return this.#held.host.get(host) ?? 0;
  }

  #byBackend({ backend }: Use): number {
    return this.#held.backend.get(backend) ?? 0;
  }

  #byGroup(use: Use): number {
    return this.#held.group.get(groupOf(use)) ?? 0;
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function compare(one: readonly number[], other: readonly number[]): number {
  for (const [index, value] of one.entries()) {
    const difference = value - (other[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
