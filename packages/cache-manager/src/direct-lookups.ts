import type { CacheManagerOptions } from './cache-manager-options.ts';
import {
  lookUpCopy,
  jobFor,
  freshToken,
  type CopyLookup,
  type MirroredObject,
} from '@cloud-mirror/mirrored-objects';
import type { MarkerLists } from './marker-lists.ts';

const LOOK_UPS_AT_ONCE = 256;
const JOB_INTERVAL_MS = 60_000;
const REMEMBERED_JOBS = 50_000;

/** Thrown where so many look-ups are under way that another one would only make the store slower. */
export class TooManyLookUps extends Error {
  override readonly name = 'TooManyLookUps';
}

type Options = Pick<CacheManagerOptions, 'times' | 'events'> & { readonly markers: MarkerLists };

interface LookUps {
  readonly running: Promise<unknown>;
  next: Promise<CopyLookup> | null;
}

/** How requests are answered while the entry store is away: straight from the object store. */
export class DirectLookUps {
  readonly #options: Options;
  /** For each object the look-up under way and the one that begins when it ends. */
  readonly #lookUps = new Map<string, LookUps>();
  readonly #lastJob = new Map<string, number>();
  #running = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  /**
   * Looks for the copy. One look-up of an object runs at a time; requests that come meanwhile share the next one. They
   * must not join the one that runs: its marker HEAD may have been answered before a purge that has returned by now.
   * @throws StorageError, TooManyLookUps
   */
  async lookUp(object: MirroredObject, signal: AbortSignal): Promise<CopyLookup> {
    const name = nameOf(object);
    const before = this.#lookUps.get(name);
    if (before === undefined) return this.#run(name, object, signal);
    before.next ??= before.running.then(
      () => this.#run(name, object, signal),
      () => this.#run(name, object, signal),
    );
    return before.next;
  }

  async #run(name: string, object: MirroredObject, signal: AbortSignal): Promise<CopyLookup> {
    if (this.#running >= LOOK_UPS_AT_ONCE) {
      this.#lookUps.delete(name);
      throw new TooManyLookUps(`${LOOK_UPS_AT_ONCE} look-ups in the object store are under way already`);
    }
    this.#running++;
    const running = this.#options.markers.lookUp(object, (onMarker) =>
      lookUpCopy(object, this.#options.times, { signal, onMarker }),
    );
    const lookUps: LookUps = { running, next: null };
    this.#lookUps.set(name, lookUps);
    try {
      return await running;
    } finally {
      this.#running--;
      // The next look-up, if any, has put itself in the place by the time it matters; only the last one clears it.
      if (this.#lookUps.get(name) === lookUps && lookUps.next === null) this.#lookUps.delete(name);
    }
  }

  /** Remembers that a job was sent under a claim, which counts as one of those that {@link sendJob} sends. */
  noteJob(object: MirroredObject): void {
    const name = nameOf(object);
    const now = performance.now();
    this.#lastJob.delete(name);
    this.#lastJob.set(name, now);
    // The oldest come first.
    for (const [oldest, sentAtMs] of this.#lastJob) {
      if (this.#lastJob.size <= REMEMBERED_JOBS && now - sentAtMs < JOB_INTERVAL_MS) break;
      this.#lastJob.delete(oldest);
    }
  }

  /**
   * Sends a job for a copy that nobody can claim now: at most one a minute for each object and process, those under claims
   * included.
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
