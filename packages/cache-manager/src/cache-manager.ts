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
import { assertAnythingStored } from './purge-of-refused.ts';
import type { RedirectOutcome, RedirectRequest } from './redirect.ts';
import { Redirector } from './redirector.ts';
import { sourceRefusal } from './request-decision.ts';
import { reportStatus } from './status.ts';

const MARKER_LIST_MS = 60_000;
/** The drain limit for background work when the process ends, in milliseconds. */
const LAST_WORK_MS = 5_000;

/**
 * Finds copies and has missing ones made. Each front end process has one. It holds a subscription and reads the purge
 * markers at an interval, so it must be disposed.
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
    this.#markers = new MarkerLists(
      options.backends,
      (backend, error) => options.events?.partFailed?.('store', backend, error),
      { entryLifeMs: options.times.ttlSeconds * 1000 },
    );
    const parts = { ...options, markers: this.#markers };
    // The memory must subscribe first: a request that a change wakes must not find the remembered entry.
    this.#memory =
      options.remembersHits === true
        ? new EntryMemory({ ...options, maxBytes: options.rememberedBytes })
        : null;
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

  /** Number of requests that are waiting for a copy. */
  get waiting(): number {
    return this.#waiters.count;
  }

  /**
   * Decides where to redirect a client, within the time that it wants to wait. The failure of a part gives an outcome, not
   * an exception.
   */
  async redirect(request: RedirectRequest): Promise<RedirectOutcome> {
    if (request.object) return this.#redirector.redirect(request.object, request);
    const backend = this.backends.get(backendName(request.service, request.region));
    if (backend === undefined) return { kind: 'unknown_backend', known: [...this.backends.keys()] };
    const refusal = sourceRefusal(this.#options.policy, request.url);
    if (refusal !== null) return refusal;
    const url = this.identify(request.url);
    return this.#redirector.redirect(mirroredObject(backend, url.href), { ...request, url });
  }

  /** The URL that identifies the object of a request for `url`; see {@link SourcePolicy.identify}. */
  identify(url: URL): URL {
    return this.#options.policy.identify(url);
  }

  /**
   * The object of requests for `url`, for {@link recallHit}, {@link findHit} and {@link redirect}. Callers may keep it.
   * `null` if the back end is unknown or the URL is not allowed.
   */
  objectOf(service: string, region: string, url: URL): MirroredObject | null {
    const backend = this.backends.get(backendName(service, region));
    if (backend === undefined) return null;
    const decision = this.#options.policy.decide(url);
    return decision.allowed ? mirroredObject(backend, decision.url.href) : null;
  }

  /** A remembered hit: the copy to which `redirect` would lead. `null` if memory alone cannot decide. */
  recallHit(object: MirroredObject): Copy | null {
    return this.#hits?.recall(object) ?? null;
  }

  /**
   * A hit found by one read of the entry: the copy to which `redirect` would lead. In every other case call `redirect`, with
   * `missing` set if the result is `missing`.
   */
  async findHit(object: MirroredObject): Promise<Copy | 'missing' | null> {
    return this.#hits?.find(object) ?? null;
  }

  /**
   * Purges an object in one region of a service, or in `all` of them; see {@link purge}.
   * @throws UnknownBackendError
   * @throws NotMirroredError if no rule allows the URL and nothing of it is stored. If that cannot be found out, the error of
   *   the store or of the entry store
   */
  async purge(service: string, region: string, url: URL): Promise<PurgeResult[]> {
    const { href } = this.identify(url);
    const objects = this.backendsOf(service, region).map((backend) => mirroredObject(backend, href));
    return this.#keep(this.#purge(objects, url));
  }

  /**
   * Drops the entries of every back end, of a service, or of one of its regions. Objects and purge markers stay.
   * @returns the number of entries dropped
   * @throws UnknownBackendError, EntryStoreError
   */
  async flush(service?: string, region?: string): Promise<number> {
    const backends =
      service === undefined ? [...this.backends.values()] : this.backendsOf(service, region ?? 'all');
    const dropped = await this.#options.entries.flush(backends.map(({ name }) => name));
    this.#memory?.forgetAll();
    return dropped;
  }

  /** The state of an object in one back end. @throws UnknownBackendError */
  async status(service: string, region: string, url: URL): Promise<StatusReport> {
    const [backend] = this.backendsOf(service, region);
    if (backend === undefined) throw new UnknownBackendError(service, region, [...this.backends.keys()]);
    const object = mirroredObject(backend, this.identify(url).href);
    return reportStatus(object, { ...this.#options, markers: this.#markers }, this.#ended.signal);
  }

  /** The back ends of `service` and `region`, or of all its regions if `region` is `all`. @throws UnknownBackendError */
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

  async #purge(objects: readonly MirroredObject[], url: URL): Promise<PurgeResult[]> {
    const { policy, entries } = this.#options;
    const { signal } = this.#ended;
    if (!policy.decide(url).allowed) await assertAnythingStored(objects, entries, signal);
    return purge(objects, { ...this.#options, markers: this.#markers }, signal);
  }

  /** Keeps track of work that may outlive the request that began it. */
  #keep<T>(work: Promise<T>): Promise<T> {
    this.#background.add(work);
    work.then(
      () => this.#background.delete(work),
      () => this.#background.delete(work),
    );
    return work;
  }
}

/** The configuration has no such service or region. */
export class UnknownBackendError extends Error {
  override readonly name = 'UnknownBackendError';
  readonly code = 'unknown_backend';
  readonly known: readonly string[];

  constructor(service: string, region: string, known: readonly string[]) {
    super(`there is no region ${JSON.stringify(region)} of a service ${JSON.stringify(service)}`);
    this.known = known;
  }
}
