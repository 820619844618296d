/** Bounds of the delay of a job whose turn does not come, in seconds. Doubled each time. */
const BOUNDS = { first: 2, longest: 300 };
/** Ends of copies from which a host's pace is computed. */
const KEPT_ENDS = 32;
/** Beyond this number, the host that was used least recently is forgotten. */
const MOST_HOSTS = 1_000;

interface HostPace {
  /** When the latest copies ended, in milliseconds of a monotonic clock. */
  readonly ends: number[];
  /** Jobs that were given back and have not come again, by the second in which they are due. */
  readonly due: Map<number, number>;
}

/**
 * How long jobs that got no slot, or gave it up to others, stay away: a random part of the time in which the copier can copy all that are away, at the
 * pace at which it copies from their host. So twice as many come as slots become free, evenly, and no slot stays free while
 * jobs are delayed: a queue does not return a delayed message before its time.
 */
export class ReturnDelays {
  readonly #random: () => number;
  /** In the order of their last use. */
  readonly #hosts = new Map<string, HostPace>();

  /** @param random from 0 up to 1 */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Notes that a copy from the host ended. */
  ended(host: string, nowMs: number): void {
    const { ends } = this.#paceOf(host);
    ends.push(nowMs);
    if (ends.length > KEPT_ENDS) ends.shift();
  }

  /**
   * The delay of a job that is given back, in whole seconds.
   * @param returns how often it was given back before; bounds the delay while the pace is unknown or slow
   */
  next(host: string, returns: number, nowMs: number): number {
    const pace = this.#paceOf(host);
    const second = Math.floor(nowMs / 1000);
    for (const due of pace.due.keys()) if (due <= second) pace.due.delete(due);
    const away = [...pace.due.values()].reduce((sum, count) => sum + count, 1);
    const copies = copiesPerSecond(pace, nowMs);
    const bound = Math.min(BOUNDS.first * 2 ** returns, BOUNDS.longest);
    const window = copies === null ? bound : Math.min(away / copies, bound);
    const seconds = Math.max(1, Math.ceil(this.#random() * window));
    pace.due.set(second + seconds, (pace.due.get(second + seconds) ?? 0) + 1);
    return seconds;
  }

  #paceOf(host: string): HostPace {
    const known = this.#hosts.get(host);
    const pace = known ?? { ends: [], due: new Map<number, number>() };
    this.#hosts.delete(host);
    this.#hosts.set(host, pace);
    const [oldest] = this.#hosts.keys();
    if (this.#hosts.size > MOST_HOSTS && oldest !== undefined) this.#hosts.delete(oldest);
    return pace;
  }
}

/** Copies that end in a second; null if too few have ended to tell. */
function copiesPerSecond({ ends }: HostPace, nowMs: number): number | null {
  const [first] = ends;
  if (first === undefined || ends.length < 2) return null;
  return (ends.length - 1) / Math.max(0.001, (nowMs - first) / 1000);
}
