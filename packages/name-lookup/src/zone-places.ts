export interface ZonePlacesOptions {
  /** How many tasks may run at once. */
  readonly most: number;
  /** How many of them may belong to one zone. */
  readonly mostOfZone: number;
  /** How many tasks of one zone may wait for a place. */
  readonly mostWaiting: number;
  /** How long a task may wait for a place, in milliseconds. */
  readonly waitMs: number;
  /** Creates the error of a task that gets no place. */
  readonly refusal: (zone: string) => Error;
}

interface Zone {
  running: number;
  /** First come, first served. */
  readonly waiting: Set<() => void>;
}

/** Runs a bounded number of tasks, of which each zone has a share. Zones that wait get free places in turn. */
export class ZonePlaces {
  readonly #options: ZonePlacesOptions;
  /** Zones with running or waiting tasks. The zone that has waited longest for its turn is first. */
  readonly #zones = new Map<string, Zone>();
  #running = 0;

  constructor(options: ZonePlacesOptions) {
    this.#options = options;
  }

  /** @throws the refusal if the zone has too many waiting tasks, or if no place becomes free in time */
  async run<T>(zone: string, task: () => Promise<T>): Promise<T> {
    await this.#enter(zone);
    try {
      return await task();
    } finally {
      this.#leave(zone);
    }
  }

  async #enter(name: string): Promise<void> {
    const zone = this.#zones.get(name) ?? { running: 0, waiting: new Set() };
    this.#zones.set(name, zone);
    if (this.#hasRoom(zone)) return this.#occupy(zone);
    const { mostWaiting, waitMs, refusal } = this.#options;
    if (zone.waiting.size >= mostWaiting) throw refusal(name);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      zone.waiting.delete(resolve);
      this.#forgetIdle(name, zone);
      reject(refusal(name));
    }, waitMs);
    zone.waiting.add(resolve);
    await promise.finally(() => clearTimeout(timer));
  }

  #leave(name: string): void {
    const zone = this.#zones.get(name);
    if (zone === undefined) return;
    zone.running -= 1;
    this.#running -= 1;
    this.#admitNext();
    this.#forgetIdle(name, zone);
  }

  /** Gives a free place to the first zone that may have it, which then has its next turn after all others. */
  #admitNext(): void {
    for (const [name, zone] of this.#zones) {
      const [next] = zone.waiting;
      if (next === undefined || !this.#hasRoom(zone)) continue;
      zone.waiting.delete(next);
      this.#zones.delete(name);
      this.#zones.set(name, zone);
      this.#occupy(zone);
      return next();
    }
  }

  #hasRoom(zone: Zone): boolean {
    return this.#running < this.#options.most && zone.running < this.#options.mostOfZone;
  }

  #occupy(zone: Zone): void {
    zone.running += 1;
    this.#running += 1;
  }

  #forgetIdle(name: string, zone: Zone): void {
    if (zone.running === 0 && zone.waiting.size === 0) this.#zones.delete(name);
  }
}
