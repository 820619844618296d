import { BoundedMemory } from '@cloud-mirror/bounded-memory';
import type { ObjectId } from '@cloud-mirror/mirrored-objects';
import { objectHash, ObjectIndex } from './object-index.ts';

/** Checks at once while no miss is being resolved. */
const CHECKS_AT_ONCE = 64;
/** Checks at once however many misses there are, so that a wrong entry is mended at last. */
const FEWEST_AT_ONCE = 4;

/** The bytes of recent checks, about 10,000 objects. If one is forgotten, the entry store still knows of it. */
const MOST_BYTES = 2 * 1024 * 1024;
const BYTES_OF_ONE = 48;

/** A check that this request makes. */
export interface BegunCheck {
  readonly kind: 'begun';
  /** Must be called as soon as the entry is known to be right, or was replaced. Calling it again has no effect. */
  readonly end: () => void;
}

export type CheckTurn =
  | BegunCheck
  /** Another request is checking the object. Once that has ended, its entry is as good as checked. */
  | { readonly kind: 'running'; readonly ended: Promise<void> }
  /** The object was checked within the interval, or there are too many checks or misses: the request has to do without. */
  | { readonly kind: 'none' };

export interface RevalidationsOptions {
  /** The least time from the beginning of one check of an object to the next. */
  readonly intervalMs: number;
  /** The number of misses that are being resolved. They go first. */
  readonly misses: () => number;
}

/**
 * Bounds what clients' `Cache-Control: no-cache` costs: checks of one object are shared, and one begins at most once in an
 * interval. The entry store extends the interval to all processes.
 *
 * A request that joins a check, or that does without one, is decided by the rules of an ordinary request, which reads the entry
 * itself and compares its generation with the marker list. So it may share a check that began before a purge returned: the
 * check only adds to those rules.
 */
export class Revalidations {
  readonly #options: RevalidationsOptions;
  readonly #running = new Map<string, Promise<void>>();
  /** When the last check of an object began, by `performance.now()`. */
  readonly #begun = new BoundedMemory<ObjectId, number>({
    maxBytes: MOST_BYTES,
    bytesOf: () => BYTES_OF_ONE,
    hashOf: objectHash,
    index: new ObjectIndex(),
  });

  constructor(options: RevalidationsOptions) {
    this.#options = options;
  }

  begin(id: ObjectId): CheckTurn {
    const name = `${id.backend}:${id.sha256}`;
    const running = this.#running.get(name);
    if (running !== undefined) return { kind: 'running', ended: running };
    const now = performance.now();
    const last = this.#begun.get(id);
    if (last !== undefined && now - last < this.#options.intervalMs) return { kind: 'none' };
    const atOnce = Math.max(FEWEST_AT_ONCE, CHECKS_AT_ONCE - this.#options.misses());
    if (this.#running.size >= atOnce) return { kind: 'none' };
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running.set(name, promise);
    this.#begun.set(id, now);
    const end = (): void => {
      if (this.#running.get(name) === promise) this.#running.delete(name);
      resolve();
    };
    return { kind: 'begun', end };
  }
}
