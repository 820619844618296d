interface Lease {
  readonly leaseMs: number;
  /** The value of the renewals at the last read; empty before the first. */
  readonly renewals: string;
  /** When that value was first seen, by the clock of the reads. */
  readonly seenAtMs: number;
}

/** A longer time between two reads does not count in full: an outage of the registry ends no lease. */
const LONGEST_STEP_MS = 1_000;

/** Counts leases from the last renewal that this process saw, by a clock that runs only while the registry can be read. */
export class LeaseClock {
  readonly #leases = new Map<string, Lease>();
  #nowMs = 0;
  #readAtMs: number | null = null;

  /** @param readAtMs when the registry was read, by `performance.now()` */
  tick(readAtMs: number): void {
    if (this.#readAtMs !== null) this.#nowMs += Math.min(readAtMs - this.#readAtMs, LONGEST_STEP_MS);
    this.#readAtMs = readAtMs;
  }

  add(id: string, leaseMs: number): void {
    const { renewals, seenAtMs } = this.#leases.get(id) ?? { renewals: '', seenAtMs: this.#nowMs };
    this.#leases.set(id, { leaseMs, renewals, seenAtMs });
  }

  /** @returns whether the instance was renewed since the last read */
  renew(id: string, renewals: string): boolean {
    const lease = this.#leases.get(id);
    if (lease === undefined || lease.renewals === renewals) return false;
    this.#leases.set(id, { ...lease, renewals, seenAtMs: this.#nowMs });
    return true;
  }

  remove(id: string): void {
    this.#leases.delete(id);
  }

  /** Forgets all other instances. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#leases.keys()) if (!ids.has(id)) this.#leases.delete(id);
  }

  leaseOf(id: string): number {
    return this.#leases.get(id)?.leaseMs ?? 0;
  }

  /** The instances that were not renewed within their lease, and the value of their renewals. */
  ended(): [id: string, renewals: string][] {
    return [...this.#leases].flatMap(([id, { leaseMs, renewals, seenAtMs }]) =>
      this.#nowMs - seenAtMs > leaseMs ? [[id, renewals]] : [],
    );
  }
}
