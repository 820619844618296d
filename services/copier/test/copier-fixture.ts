import { copyKey, type Job } from '@cloud-mirror/mirrored-objects';
import type { Delivery } from '@cloud-mirror/job-queue';
import type { StoredObject } from '@cloud-mirror/storage-provider';
import { openMirror, TIMES, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';
import { CopyJob, type CopyJobParts } from '../src/copy-job.ts';
import { CopySlots } from '../src/copy-slots.ts';
import type { JobResult } from '../src/job-result.ts';

export { TIMES };

export const MAX_RECEIVE_COUNT = 5;

/** Runs jobs with real stores, queues and origins. */
export interface CopierFixture extends AsyncDisposable {
  readonly mirror: MirrorFixture;
  readonly parts: CopyJobParts;
  /** Parts that failed, in order. */
  readonly failures: string[];
  /** Field and SHA-256 of each guessed digest that was wrong, in order. */
  readonly refuted: string[];
  /** Sends a job without a claim, unless `job` overrides its token. */
  send(path: string, job?: Partial<Job>): Promise<void>;
  /** Claims the object and sends the claim's job, as a front end does. */
  sendClaimed(path: string): Promise<Job>;
  /** Receives the next delivery; throws if there is none. */
  receive(): Promise<Delivery>;
  run(delivery: Delivery, stop?: AbortSignal): Promise<JobResult>;
  /** Receives the next delivery and runs it. */
  runNext(stop?: AbortSignal): Promise<JobResult>;
  stored(path: string, generation?: string): Promise<StoredObject | null>;
  entry(path: string): ReturnType<MirrorFixture['entries']['get']>;
}

export async function openCopier(changed: Partial<CopyJobParts> = {}): Promise<CopierFixture> {
  const mirror = await openMirror();
  const failures: string[] = [];
  const refuted: string[] = [];
  const { gate, here, there, httpOrigin, gatedEntries } = mirror;
  const asked = <T>(method: string, url: URL, work: () => Promise<T>): Promise<T> =>
    gate.run({ part: 'origin', method, subject: url.pathname }, work);
  const parts: CopyJobParts = {
    backends: new Map([here, there].map((region) => [region.name, region])),
    entries: gatedEntries,
    slots: new CopySlots({ total: 16, hostShare: 0.25 }),
    origin: {
      inspect: (url, options) => asked('inspect', url, () => httpOrigin.inspect(url, options)),
      open: (url, options) => asked('open', url, () => httpOrigin.open(url, options)),
    },
    times: TIMES,
    maxReceiveCount: MAX_RECEIVE_COUNT,
    onPartFailed: (part) => failures.push(part),
    onGuessRefuted: ({ field, sha256 }) => refuted.push(`${field} ${sha256}`),
    ...changed,
  };
  const copyJob = new CopyJob(parts);
  const jobOf = (path: string): Job => ({
    v: 1,
    service: 'local',
    region: 'here',
    url: mirror.origin.url(path),
    token: 'of-a-claim-that-is-gone',
    generation: '',
    requestId: 'request-1',
    enqueuedAt: new Date().toISOString(),
  });
  const receive = async (): Promise<Delivery> => {
    const [delivery] = await here.queue.receive({ max: 1, waitSeconds: 20 });
    if (delivery === undefined) throw new Error('no job was delivered');
    return delivery;
  };
  const run = (delivery: Delivery, stop = new AbortController().signal): Promise<JobResult> =>
    copyJob.run(delivery, stop);
  return {
    mirror,
    parts,
    failures,
    refuted,
    send: (path, job) => here.queue.enqueue({ ...jobOf(path), ...job }),
    sendClaimed: async (path) => {
      const job = { ...jobOf(path), token: `claimed for ${path}` };
      const claim = { token: job.token, leaseMs: 900_000, copyingLeaseMs: 60_000 };
      await mirror.entries.claim(mirror.object(path).id, claim);
      await here.queue.enqueue(job);
      return job;
    },
    receive,
    run,
    runNext: async (stop) => run(await receive(), stop),
    stored: (path, generation = '') => here.objects.head(copyKey(mirror.object(path), generation)),
    entry: (path) => mirror.entries.get(mirror.object(path).id),
    [Symbol.asyncDispose]: () => mirror[Symbol.asyncDispose](),
  };
}

/** The same delivery with another body. */
export function withBody(delivery: Delivery, body: string): Delivery {
  return {
    id: delivery.id,
    receiveCount: delivery.receiveCount,
    sentAt: delivery.sentAt,
    body,
    acknowledge: (options) => delivery.acknowledge(options),
    retry: (delaySeconds, options) => delivery.retry(delaySeconds, options),
    extend: (seconds, options) => delivery.extend(seconds, options),
    deadLetter: (reason, options) => delivery.deadLetter(reason, options),
  };
}
