import type { CacheManagerOptions } from './cache-manager-options.ts';
import {
  lookUpCopy,
  jobFor,
  freshToken,
  type CopyLookup,
  type MirroredObject,
} from '@cloud-mirror/mirrored-objects';
import { SharedPool } from '@cloud-mirror/fair-shares';
import { budgeted } from './budgeted.ts';
import type { MarkerLists } from './marker-lists.ts';

const LOOK_UPS_AT_ONCE = 256;
const JOB_INTERVAL_MS = 60_000;
const REMEMBERED_JOBS = 50_000;

/** Thrown at the limit of concurrent look-ups, or at a client's share of it: another one would only slow the store down. */
export class TooManyLookUps extends Error {
  override readonly name = 'TooManyLookUps';
}

type Options = Pick<CacheManagerOptions, 'times' | 'budgets' | 'events'> & { readonly markers: MarkerLists };

interface LookUps {
  readonly running: Promise<unknown>;
  next: Promise<CopyLookup> | null;
}

/** Look-ups in the object store for requests without the entry store. */
export class DirectLookUps {
  readonly #options: Options;
  /** For each object, the running look-up and the one that starts when it ends. */
  readonly #lookUps = new Map<string, LookUps>();
  readonly #lastJob = new Map<string, number>();
  readonly #places = new SharedPool(LOOK_UPS_AT_ONCE);

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Looks for the copy. One look-up of an object runs at a time (single flight), and requests that arrive meanwhile share
   * the next one. They must not join the running one: its HEAD of the marker may be older than a purge that has returned.
   * @throws StorageError if the store does not answer
   * @param holders the client in whose share a look-up is that this call begins; see {@link SharedPool}
   * @throws TooManyLookUps at the limit of concurrent look-ups
   */
  async lookUp(
    object: MirroredObject,
    signal: AbortSignal,
    holders: readonly string[] = [],
  ): Promise<CopyLookup> {
    const name = nameOf(object);
    const before = this.#lookUps.get(name);
    const run = (): Promise<CopyLookup> => this.#run(name, object, signal, holders);
    if (before === undefined) return run();
    before.next ??= before.running.then(run, run);
    return before.next;
  }

  async #run(
    name: string,
    object: MirroredObject,
    signal: AbortSignal,
    holders: readonly string[],
  ): Promise<CopyLookup> {
    const { place } = this.#places.take(holders);
    if (place === null) {
      this.#lookUps.delete(name);
      throw new TooManyLookUps(`${this.#places.taken} look-ups in the object store are already running`);
    }
    const running = this.#options.markers.lookUp(object, (onMarker) =>
      lookUpCopy(object, this.#options.times, { signal, onMarker }),
    );
    const lookUps: LookUps = { running, next: null };
    this.#lookUps.set(name, lookUps);
    try {
      return await running;
    } finally {
      place[Symbol.dispose]();
      // If another look-up is to follow, it replaces this one in the map. Only the last one deletes the key.
      if (this.#lookUps.get(name) === lookUps && lookUps.next === null) this.#lookUps.delete(name);
    }
  }

  /** Records a job that was sent under a claim, so that {@link sendJob} counts it too. */
  noteJob(object: MirroredObject): void {
    const name = nameOf(object);
    const now = performance.now();
    this.#lastJob.delete(name);
    this.#lastJob.set(name, now);
    // A Map iterates in insertion order, so the oldest come first.
    for (const [oldest, sentAtMs] of this.#lastJob) {
      if (this.#lastJob.size <= REMEMBERED_JOBS && now - sentAtMs < JOB_INTERVAL_MS) break;
      this.#lastJob.delete(oldest);
    }
  }

  /**
   * Sends a job without a claim, because the entry store is not available. At most one job a minute for each object and
   * process, including jobs under claims. Never rejects because of the queue; events report its failures.
   */
  async sendJob(
    object: MirroredObject,
    generation: string,
    requestId: string,
    signal: AbortSignal,
  ): Promise<void> {
    const name = nameOf(object);
    const last = this.#lastJob.get(name);
    if (last !== undefined && performance.now() - last < JOB_INTERVAL_MS) return;
    this.noteJob(object);
    const { backend } = object;
    const { budgets } = this.#options;
    const exceeded = await budgets?.reserve(budgeted(object), 0);
    if (exceeded) return this.#options.events?.overBudget?.(exceeded);
    try {
      await backend.queue.enqueue(jobFor(object, { token: freshToken(), generation, requestId }), { signal });
      this.#options.events?.jobEnqueued?.(backend.name);
    } catch (error) {
      this.#lastJob.delete(name);
      this.#options.events?.partFailed?.('queue', backend.name, error);
    }
  }
}

function nameOf(object: MirroredObject): string {
  return `${object.id.backend}:${object.id.sha256}`;
}
