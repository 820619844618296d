import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryJobQueue, type Delivery } from '@cloud-mirror/job-queue';
import {
  parseJob,
  serializeJob,
  backendName,
  copyKey,
  copyOf,
  GENERATION_METADATA,
  mirroredObject,
  type Job,
  type Backend,
  type MirroredObject,
} from '@cloud-mirror/mirrored-objects';
import { MemoryEntryStore } from '@cloud-mirror/entry-store';
import { createSourcePolicy, HttpOrigin } from '@cloud-mirror/origin';
import { FilesystemStorageProvider } from '@cloud-mirror/storage-filesystem/adapter';
import { startOriginServer, type OriginServer } from './origin-server.ts';
import {
  CacheManager,
  type CacheManagerOptions,
  type EntryTimes,
  type RedirectOutcome,
  type RedirectRequest,
} from '@cloud-mirror/cache-manager';
import { CallGate } from './wrappers/call-gate.ts';
import { ExpiringStore } from './wrappers/expiring-store.ts';
import { GatedEntryStore } from './wrappers/gated-entry-store.ts';
import { GatedJobQueue } from './wrappers/gated-job-queue.ts';
import { GatedStore } from './wrappers/gated-store.ts';
import { ReplaceableEntryStore } from './wrappers/replaceable-entry-store.ts';

export const TIMES: EntryTimes = {
  ttlSeconds: 84_600,
  expiryMarginSeconds: 600,
  queuedLeaseSeconds: 900,
  copyingLeaseSeconds: 60,
  errorSeconds: { first: 2, longest: 60 },
  originAnswerSeconds: 10,
};

/** Longer than any test: a wait that ends by its time limit would hide that no event ended it. */
export const LONG_MS = 25_000;

export const MAX_OBJECT_BYTES = 1_000_000;

/** A region of the fixture, with a real store and queue behind the gate. */
export interface Region extends Backend {
  readonly store: GatedStore;
  readonly queue: GatedJobQueue;
  /** The store without the gate. */
  readonly objects: ExpiringStore;
}

/** A CacheManager with real parts in this process, and a gate in front of each port. */
export interface MirrorFixture extends AsyncDisposable {
  readonly gate: CallGate;
  readonly entries: ReplaceableEntryStore;
  readonly gatedEntries: GatedEntryStore;
  readonly origin: OriginServer;
  readonly httpOrigin: HttpOrigin;
  readonly manager: CacheManager;
  readonly here: Region;
  readonly there: Region;
  /** The clock of the entry store: how far it is ahead, and the time at which it is stopped (null: it runs). */
  readonly clock: { aheadMs: number; stoppedAt: number | null };
  /** A second front end process with the same stores, whose calls bypass the gate. */
  otherManager(options?: Partial<CacheManagerOptions>): CacheManager;
  object(path: string, region?: Region): MirroredObject;
  request(path: string, options?: Partial<RedirectRequest>): RedirectRequest;
  redirect(path: string, options?: Partial<RedirectRequest>): Promise<RedirectOutcome>;
  /** The URL of the copy of a generation. */
  address(path: string, generation?: string): Promise<string>;
  /** Puts a copy into the store, like a copier. */
  store(path: string, generation?: string, content?: string): Promise<void>;
  /** Purges an object from another process. */
  purgeElsewhere(path: string): Promise<void>;
  generationOf(path: string): Promise<string>;
  /** Receives the next job of the queue; rejects if there is none. */
  nextJob(): Promise<{ readonly job: Job; readonly delivery: Delivery }>;
  waitingJobs(): Promise<number>;
  /** Performs the next job, like a minimal copier. @returns the job */
  copyNext(content?: string): Promise<Job>;
}

export async function openMirror(
  options: Partial<CacheManagerOptions> & { readonly memory?: MemoryEntryStore } = {},
): Promise<MirrorFixture> {
  await using opening = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-test-'));
  opening.defer(() => rm(directory, { recursive: true, force: true }));
  const origin = opening.use(await startOriginServer());
  const policy = createSourcePolicy({
    requireTls: false,
    allow: [
      { prefix: `${origin.baseUrl}/`, privateAddresses: true },
      { prefix: 'http://127.0.0.1:9/', privateAddresses: true },
    ],
  });
  const httpOrigin = opening.use(
    new HttpOrigin({
      policy,
      redirectLimit: 5,
      maxObjectBytes: MAX_OBJECT_BYTES,
      timeouts: { connectSeconds: 5, firstByteSeconds: 20, totalSeconds: 60, minimumBytesPerSecond: 1 },
      userAgent: 'cloud-mirror-test',
    }),
  );
  const gate = new CallGate();
  const clock: MirrorFixture['clock'] = { aheadMs: 0, stoppedAt: null };
  const memory =
    options.memory ?? new MemoryEntryStore({ clock: () => (clock.stoppedAt ?? Date.now()) + clock.aheadMs });
  const entries = opening.use(new ReplaceableEntryStore(memory));
  const gatedEntries = new GatedEntryStore(entries, gate);
  const regions = ['here', 'there'].map((region) => {
    const files = new FilesystemStorageProvider({
      directory: join(directory, region),
      urlBase: `http://mirror.example/v1/objects/local/${region}/`,
      maxBytes: 2 ** 30,
      onEvict: () => Promise.resolve(),
    });
    const objects = opening.use(new ExpiringStore(files));
    const queue = opening.use(
      new MemoryJobQueue({ serialize: serializeJob, maxReceiveCount: 5, visibilityTimeoutSeconds: 60 }),
    );
    return {
      service: 'local',
      region,
      name: backendName('local', region),
      kind: 'filesystem',
      lifespanDays: 1,
      objects,
      store: new GatedStore(objects, gate, `store ${region}`),
      queue: new GatedJobQueue(queue, gate, `queue ${region}`),
    } satisfies Region;
  });
  const [here, there] = regions;
  if (here === undefined || there === undefined) throw new Error('there are two regions');
  const managed: CacheManagerOptions = {
    backends: new Map(regions.map((region) => [region.name, region])),
    entries: gatedEntries,
    origin: {
      inspect: (url, call) =>
        gate.run({ part: 'origin', method: 'inspect', subject: url.pathname }, () =>
          httpOrigin.inspect(url, call),
        ),
    },
    policy,
    times: TIMES,
    maxWaiting: 10_000,
    // Long, so that polling does not hide a missing event. A test of polling sets its own interval.
    pollMs: LONG_MS,
    ...options,
  };
  const manager = opening.use(new CacheManager(managed));
  const others: CacheManager[] = [];
  opening.defer(async () => {
    for (const other of others) await other[Symbol.asyncDispose]();
  });
  const otherManager = (changed: Partial<CacheManagerOptions> = {}): CacheManager => {
    const backends = new Map(regions.map((region) => [region.name, { ...region, store: region.objects }]));
    const other = new CacheManager({ ...managed, entries, backends, ...changed });
    others.push(other);
    return other;
  };
  const object = (path: string, region: Region = here): MirroredObject =>
    mirroredObject(region, origin.url(path));
  const request = (path: string, changed: Partial<RedirectRequest> = {}): RedirectRequest => ({
    service: 'local',
    region: 'here',
    url: new URL(origin.url(path)),
    method: 'GET',
    requestId: 'request-1',
    arrivedAtMs: performance.now(),
    waitMs: LONG_MS,
    respondAsync: false,
    revalidate: false,
    signal: new AbortController().signal,
    ...changed,
  });
  const store: MirrorFixture['store'] = async (path, generation = '', content = 'content') => {
    const bytes = Buffer.from(content);
    await here.objects.put(copyKey(object(path), generation), once(bytes), {
      headers: { contentType: 'text/plain' },
      sizeBytes: bytes.length,
      metadata: () => ({}),
    });
  };
  const nextJob: MirrorFixture['nextJob'] = async () => {
    const [delivery] = await here.queue.receive({ max: 1, waitSeconds: 20 });
    if (delivery === undefined) throw new Error('no job came');
    const parsed = parseJob(delivery.body);
    if (!parsed.ok) throw new Error(parsed.detail);
    return { job: parsed.job, delivery };
  };
  const copyNext: MirrorFixture['copyNext'] = async (content) => {
    const { job, delivery } = await nextJob();
    const { id } = mirroredObject(here, job.url);
    const path = job.url.slice(origin.baseUrl.length);
    const token = `taken by ${delivery.id}`;
    await entries.take(id, { token, jobToken: job.token, leaseMs: 60_000 });
    await store(path, job.generation, content);
    const stored = await here.objects.head(copyKey(object(path), job.generation));
    if (stored === null) throw new Error('the store has no copy after storing one');
    await entries.commit(id, token, copyOf(here, stored, job.generation), 60_000);
    await delivery.acknowledge();
    return job;
  };
  const running = opening.move();
  return {
    gate,
    entries,
    gatedEntries,
    origin,
    httpOrigin,
    manager,
    here,
    there,
    clock,
    otherManager,
    object,
    request,
    redirect: (path, changed) => manager.redirect(request(path, changed)),
    address: (path, generation = '') => here.objects.urlFor(copyKey(object(path), generation), 'GET'),
    store,
    purgeElsewhere: async (path) => {
      const other = otherManager();
      const [result] = await other.purge('local', 'here', new URL(origin.url(path)));
      if (result?.purged !== true) throw new Error(`not purged: ${result?.error}`);
    },
    generationOf: async (path) =>
      (await here.objects.head(object(path).markerKey))?.metadata[GENERATION_METADATA] ?? '',
    nextJob,
    copyNext,
    waitingJobs: async () => (await here.queue.depth()).waiting,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
