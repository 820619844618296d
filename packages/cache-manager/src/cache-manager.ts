import {
  backendName,
  mirroredObject,
  type Backend,
  type Backends,
  type Copy,
  type MirroredObject,
} from '@cloud-mirror/mirrored-objects';
import { settleWithin } from '@cloud-mirror/waiting';
import type { CacheManagerOptions } from './cache-manager-options.ts';
import { ChangeWaiters } from './change-waiters.ts';
import { DirectLookUps } from './direct-lookups.ts';
import { EntryMemory } from './entry-memory.ts';
import { HitFinder } from './hit-finder.ts';
import { MarkerLists } from './marker-lists.ts';
import { Miss } from './miss.ts';
import type { PurgeResult, StatusReport } from './operator.ts';
import { purge } from './purge.ts';
import type { RedirectOutcome, RedirectRequest } from './redirect.ts';
import { Redirector } from './redirector.ts';
import { sourceRefusal } from './request-decision.ts';
import { reportStatus } from './status.ts';

const MARKER_LIST_MS = 60_000;
/** How long work that nobody waits for may go on when the process ends, in milliseconds. */
const LAST_WORK_MS = 5_000;

/**
 * Knows where copies are and sees to it that missing ones are made. One for each front end process; keeps a
 * subscription and the purge markers while it lives, so dispose of it.
 */
export class CacheManager implements AsyncDisposable {
  readonly backends: Backends;
  readonly #options: CacheManagerOptions;
  readonly #markers: MarkerLists;
  readonly #memory: EntryMemory | null;
  readonly #hits: HitFinder | null;
  readonly #waiters = new ChangeWaiters();
  readonly #redirector: Redirector;
  readonly #subscription: Disposable;
  readonly #ended = new AbortController();
  readonly #background = new Set<Promise<unknown>>();

  constructor(options: CacheManagerOptions) {
    this.#options = options;
    this.backends = options.backends;
    this.#markers = new MarkerLists(options.backends, (backend, error) =>
      options.events?.partFailed?.('store', backend, error),
    );
    const parts = { ...options, markers: this.#markers };
    // Before all other subscriptions: who is told of a change and looks again must not be shown what was remembered.
    this.#memory = options.remembersHits === true ? new EntryMemory(options) : null;
    this.#hits =
      this.#memory === null
        ? null
        : new HitFinder({ ...parts, memory: this.#memory, ended: this.#ended.signal });
    this.#redirector = new Redirector({
      options,
      memory: this.#memory,
      waiters: this.#waiters,
      markers: this.#markers,
      miss: new Miss(parts),
      direct: new DirectLookUps(parts),
      ended: this.#ended.signal,
      background: (work) => this.#keep(work),
    });
    this.#subscription = options.entries.subscribe((change) => this.#waiters.notify(change));
    this.#markers.start(options.markerListMs ?? MARKER_LIST_MS, () => options.entries.epoch);
  }

  /** Requests that wait for a copy now. */
  get waiting(): number {
    return this.#waiters.count;
  }

  /**
   * Answers where a client finds its artifact, within the time that it wants to wait. A part that fails is an answer
   * too, never an exception.
   */
  async redirect(request: RedirectRequest): Promise<RedirectOutcome> {
    if (request.object) return this.#redirector.redirect(request.object, request);
    const backend = this.backends.get(backendName(request.service, request.region));
    if (backend === undefined) return { kind: 'unknown_backend', known: [...this.backends.keys()] };
    const refusal = sourceRefusal(this.#options.policy, request.url);
    if (refusal !== null) return refusal;
    return this.#redirector.redirect(mirroredObject(backend, request.url.href), request);
  }

  /**
   * The object that requests for `url` are about, for {@link recallHit}, {@link findHit} and {@link redirect}; may be kept.
   * `null` where `redirect` has another answer to them than a copy.
   */
  objectOf(service: string, region: string, url: URL): MirroredObject | null {
    const backend = this.backends.get(backendName(service, region));
    if (backend === undefined || !this.#options.policy.decide(url).allowed) return null;
    return mirroredObject(backend, url.href);
  }

  /** The copy that `redirect` leads to, where memory alone says so; `null`: ask further. */
  recallHit(object: MirroredObject): Copy | null {
    return this.#hits?.recall(object) ?? null;
  }

  /**
   * The copy that `redirect` leads to, where one read of the entry says so; else ask `redirect`, and tell it where the entry
   * was `missing`.
   */
  async findHit(object: MirroredObject): Promise<Copy | 'missing' | null> {
    return this.#hits?.find(object) ?? null;
  }

  /**
   * Purges an object in one region of a service, or in `all` of them; see {@link purge}.
   * @throws UnknownBackendError
   */
  async purge(service: string, region: string, url: URL): Promise<PurgeResult[]> {
    const objects = this.backendsOf(service, region).map((backend) => mirroredObject(backend, url.href));
    return this.#keep(purge(objects, { ...this.#options, markers: this.#markers }, this.#ended.signal));
  }

  /**
   * Forgets the entries of every back end, of a service, or of one of its regions. Objects and purge markers stay.
   * @returns how many entries went
   * @throws UnknownBackendError, EntryStoreError
   */
  async flush(service?: string, region?: string): Promise<number> {
    const backends =
      service === undefined ? [...this.backends.values()] : this.backendsOf(service, region ?? 'all');
    const forgotten = await this.#options.entries.flush(backends.map(({ name }) => name));
    this.#memory?.forgetAll();
    return forgotten;
  }

  /** Tells what is known of an object in one back end. @throws UnknownBackendError */
  async status(service: string, region: string, url: URL): Promise<StatusReport> {
    const [backend] = this.backendsOf(service, region);
    if (backend === undefined) throw new UnknownBackendError(service, region, [...this.backends.keys()]);
    const object = mirroredObject(backend, url.href);
    return reportStatus(object, { ...this.#options, markers: this.#markers }, this.#ended.signal);
  }

  /** The back ends that operators name by `service` and `region`, or `all` regions. @throws UnknownBackendError */
  backendsOf(service: string, region: string): Backend[] {
    const found = [...this.backends.values()].filter(
      (backend) => backend.service === service && (region === 'all' || backend.region === region),
    );
    if (found.length === 0) throw new UnknownBackendError(service, region, [...this.backends.keys()]);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscription[Symbol.dispose]();
    this.#memory?.[Symbol.dispose]();
    await settleWithin(Promise.allSettled(this.#background), LAST_WORK_MS, undefined);
    this.#ended.abort();
    await this.#markers[Symbol.asyncDispose]();
    await Promise.allSettled(this.#background);
  }

  /** Watches work that may outlive the request it was begun for. */
  #keep<T>(work: Promise<T>): Promise<T> {
    this.#background.add(work);
    work.then(
      () => this.#background.delete(work),
      () => this.#background.delete(work),
    );
    return work;
  }
}

/** The configuration names no such service or region. */
export class UnknownBackendError extends Error {
  override readonly name = 'UnknownBackendError';
  readonly code = 'unknown_backend';
  readonly known: readonly string[];

  constructor(service: string, region: string, known: readonly string[]) {
    super(`there is no region ${JSON.stringify(region)} of a service ${JSON.stringify(service)}`);
    this.known = known;
  }
}
