import { isDefect } from '@cloud-mirror/cache-manager';
import { parseJob, type Backend } from '@cloud-mirror/mirrored-objects';
import {
  EntriesCheck,
  jobSignatures,
  type Adapters,
  type Announcement,
  type Config,
} from '@cloud-mirror/mirror';
import { SecretValues, secretsOf } from '@cloud-mirror/program';
import type { Logger } from '@cloud-mirror/program';
import type { Delivery } from '@cloud-mirror/job-queue';
import { urlForLog, type GuessedDigestError } from '@cloud-mirror/origin';
import { describeSkew } from '@cloud-mirror/storage-provider';
import type { Registry } from 'prom-client';
import { createCopierMetrics, type CopierMetrics } from './copier-metrics.ts';
import { CopyJob } from './copy-job.ts';
import { CopySlots, type Pause } from './copy-slots.ts';
import type { ProcessHealth } from '@cloud-mirror/http-service';
import { reportedOutcome, type JobResult } from './job-result.ts';
import { receiveJobs } from './job-worker.ts';
import { sweepUploads } from './upload-sweep.ts';

export interface CopierOptions {
  readonly config: Pick<Config, 'copier' | 'entries' | 'queue' | 'sources'>;
  readonly adapters: Pick<Adapters, 'entries' | 'origin' | 'backends'> & Partial<Pick<Adapters, 'budgets'>>;
  readonly logger: Logger;
  readonly registry: Registry;
}

const MAX_REFUTED_HOSTS = 1_000;
/** Shortest time between log lines that a host holds more than its share of the slots. */
const OVER_SHARE_LOG_MS = 60_000;

/** Receives the jobs of its back ends and makes the copies, until it is drained. */
export class Copier {
  readonly #options: CopierOptions;
  readonly #backends: readonly Backend[];
  readonly #slots: CopySlots;
  readonly #job: CopyJob;
  readonly #metrics: CopierMetrics;
  /** Aborted when the drain starts: no more jobs are received. */
  readonly #stopping = new AbortController();
  /** Aborted at the end of the grace time: running jobs are given back. */
  readonly #ended = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #failing = new Set<string>();
  readonly #entries: EntriesCheck;
  /** Hosts whose wrong digests have been logged. */
  readonly #refutedHosts = new Set<string>();
  #overShareLoggedAtMs = -Infinity;
  #loops: Promise<unknown> = Promise.resolve();

  constructor(options: CopierOptions) {
    const { config, adapters, registry } = options;
    this.#options = options;
    this.#entries = new EntriesCheck(adapters.entries, options.logger);
    const serves = new Set(config.copier.serves ?? adapters.backends.keys());
    this.#backends = [...adapters.backends.values()].filter(({ name }) => serves.has(name));
    this.#slots = new CopySlots({
      total: config.copier.concurrency,
      hostShare: config.sources.perOrigin.copyShare,
      onPaused: (pause) => this.#paused(pause),
    });
    this.#metrics = createCopierMetrics(registry, { slots: this.#slots, backends: this.#backends });
    const signatures = jobSignatures(config.queue);
    this.#job = new CopyJob({
      ...adapters,
      slots: this.#slots,
      times: config.entries,
      maxReceiveCount: config.queue.maxReceiveCount,
      onPartFailed: (part, backend, error) => this.#partFailed(part, backend, error),
      signatureFault: (body) => signatures?.faultOf(body) ?? null,
      onGuessRefuted: (guess) => this.#guessRefuted(guess),
    });
  }

  /** Starts to receive jobs. Never fails: a queue that does not answer is polled again until it does. */
  start(): void {
    const { config, logger } = this.#options;
    const workers = this.#backends.map((backend) =>
      receiveJobs(
        {
          backend,
          slots: this.#slots,
          run: (of, delivery) => this.#track(this.#run(of, delivery)),
          onQueue: (of, failure) => this.#queueAnswered(of, failure),
        },
        this.#stopping.signal,
      ),
    );
    const sweep = sweepUploads(
      this.#backends,
      config.copier.sweepUploadsAfterHours,
      ({ name }, result) => {
        if ('error' in result)
          logger.warn({ backend: name, err: result.error }, 'abandoned uploads could not be aborted');
        else if (result.ended > 0)
          logger.info({ backend: name, ended: result.ended }, 'abandoned uploads were aborted');
      },
      this.#stopping.signal,
    );
    this.#loops = Promise.all([...workers, sweep]).catch((error: unknown) => {
      logger.fatal({ err: error }, 'a worker ended unexpectedly');
      throw error;
    });
  }

  health(): ProcessHealth {
    if (this.#stopping.signal.aborted) return { status: 'draining', failing: [] };
    const skewed = this.#backends.filter(({ store }) => describeSkew(store.clock) !== null);
    const failing = [...this.#failing, ...skewed.map(({ name }) => `clock ${name}`)].sort();
    return { status: failing.length === 0 ? 'ok' : 'degraded', failing };
  }

  /** The health, with what is known of the entry store, which a copier can do without for some time. */
  async readiness(): Promise<ProcessHealth> {
    const health = this.health();
    const entries = await this.#entries.failing();
    if (entries === null) return health;
    return {
      status: health.status === 'draining' ? 'draining' : 'degraded',
      failing: ['entries', ...health.failing],
      parts: { entries },
    };
  }

  /**
   * What the registry is told of this copier. It has no port for clients. A queue that does not answer makes it unhealthy.
   * @param metrics the address of its health listener; null if there is none
   */
  announcement(metrics: string | null): Announcement {
    return {
      app: 'copier',
      listeners: [],
      metrics,
      regions: this.#backends.map(({ region }) => region),
      unhealthyWhy: async () => {
        const { failing } = this.health();
        const names = this.#backends.map(({ name }) => `queue ${name}`);
        const mute = names.filter((name) => failing.includes(name));
        return mute.length === names.length && mute.length > 0 ? `not reachable: ${mute.join(', ')}` : null;
      },
      load: () => ({
        requestsPerSecond: null,
        waiting: this.#backends.reduce((sum, { name }) => sum + this.#slots.counts(name).waiting, 0),
        copies: this.#slots.taken,
        slotsFree: this.#slots.total - this.#slots.taken,
      }),
    };
  }

  /** Stops receiving, lets running jobs finish within the grace time, and gives the others back. */
  async drain(): Promise<void> {
    this.#stopping.abort();
    this.#slots.close();
    const graceMs = this.#options.config.copier.graceSeconds * 1000;
    const grace = setTimeout(() => this.#ended.abort(new Error('this worker stops')), graceMs);
    await this.#loops;
    await Promise.all(this.#running);
    clearTimeout(grace);
  }

  #track(work: Promise<void>): Promise<void> {
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
    return work;
  }

  /** No line that the job logs contains the query of its URL. */
  #run(backend: Backend, delivery: Delivery): Promise<void> {
    const secrets = new SecretValues((values) => {
      const parsed = parseJob(delivery.body);
      const url = parsed.ok ? URL.parse(parsed.job.url) : null;
      if (url === null) values.addText(delivery.body);
      else values.addUrl(url);
    });
    return secretsOf(this.#options.logger).run(secrets, () => this.#runJob(backend, delivery));
  }

  async #runJob(backend: Backend, delivery: Delivery): Promise<void> {
    const begun = performance.now();
    try {
      const log = this.#options.logger.child(describeDelivery(backend, delivery));
      const result = await this.#job.run(delivery, this.#ended.signal);
      const seconds = (performance.now() - begun) / 1000;
      this.#metrics.jobEnded(backend, result, seconds);
      await this.#settleBudgets(delivery, result);
      report(log, result, seconds);
    } catch (error) {
      // The delivery is not settled, so the queue delivers it again after its visibility timeout.
      this.#partFailed('queue', backend.name, error);
    }
  }

  /** The front end reserved the length that the origin gave in its answer to HEAD. */
  async #settleBudgets(delivery: Delivery, result: JobResult): Promise<void> {
    const { budgets } = this.#options.adapters;
    const stored = storedBytes(result);
    const parsed = stored === null || !budgets ? null : parseJob(delivery.body);
    if (stored === null || !budgets || !parsed?.ok) return;
    const { service, region, url, originBytes } = parsed.job;
    await budgets.settle({ service, region, url }, originBytes ?? 0, stored);
  }

  #partFailed(part: 'entries' | 'store' | 'queue', backend: string, error: unknown): void {
    if (isDefect(error)) return this.#internalError(backend, error);
    this.#metrics.partFailed(part);
    this.#options.logger.warn({ part, backend, err: error }, 'a part did not answer');
  }

  #internalError(backend: string, error: unknown): void {
    this.#metrics.internalError();
    this.#options.logger.error(
      { backend, outcome: 'internal_error', err: error },
      'internal error: a defect of the copier',
    );
  }

  #paused({ backend, host, slots, isOverShare, waiting }: Pause): void {
    this.#metrics.copyPaused(backend);
    if (!isOverShare) return;
    const now = performance.now();
    if (now - this.#overShareLoggedAtMs < OVER_SHARE_LOG_MS) return;
    this.#overShareLoggedAtMs = now;
    this.#options.logger.warn(
      { host, slots, waiting },
      'an origin host holds more than its share of the copy slots while others wait; its copies are paused',
    );
  }

  /** Logs once for each host, because every object of such an origin is affected. */
  #guessRefuted({ field, host, sha256 }: GuessedDigestError): void {
    if (host === null || this.#refutedHosts.has(host) || this.#refutedHosts.size >= MAX_REFUTED_HOSTS) return;
    this.#refutedHosts.add(host);
    this.#options.logger.warn(
      { host, field, contentSha256: sha256 },
      'a header of the origin looks like a digest but is not; its objects are fetched twice and compared',
    );
  }

  #queueAnswered(backend: Backend, failure: unknown): void {
    const failing = `${isDefect(failure) ? 'worker' : 'queue'} ${backend.name}`;
    if (failure !== null) {
      this.#failing.add(failing);
      return this.#partFailed('queue', backend.name, failure);
    }
    this.#failing.delete(`worker ${backend.name}`);
    if (this.#failing.delete(`queue ${backend.name}`))
      this.#options.logger.info({ backend: backend.name }, 'the queue answers again');
  }
}

/** The bytes that a job has added to the store; `null` if it may have added them before, or may still add them. */
function storedBytes(result: JobResult): number | null {
  switch (result.outcome) {
    case 'copied':
      return result.copy.sizeBytes;
    case 'failed':
    case 'dead_letter':
      return 0;
    case 'already_there':
    case 'left_to_another':
    case 'given_back':
    case 'will_retry':
    case 'refused':
      return null;
  }
}

/** The fields of every log line of a job. They never include the origin's query. */
function describeDelivery(backend: Backend, delivery: Delivery): Record<string, unknown> {
  const known = { backend: backend.name, job: delivery.id, receiveCount: delivery.receiveCount };
  const parsed = parseJob(delivery.body);
  if (!parsed.ok) return known;
  const url = URL.parse(parsed.job.url);
  return {
    ...known,
    requestId: parsed.job.requestId,
    waitedMs: Date.now() - delivery.sentAt.getTime(),
    ...(url === null ? {} : { origin: urlForLog(url) }),
  };
}

function report(log: Logger, result: JobResult, seconds: number): void {
  const outcome = reportedOutcome(result);
  const durationMs = Math.round(seconds * 1000);
  switch (result.outcome) {
    case 'copied': {
      const { present, againSeconds } = result;
      const { sizeBytes, sha256 } = result.copy;
      return log.info(
        { outcome, durationMs, sizeBytes, contentSha256: sha256, present, againSeconds },
        'copied',
      );
    }
    case 'already_there':
      return log.info(
        { outcome, durationMs, againSeconds: result.againSeconds },
        'the copy is already in the store',
      );
    case 'left_to_another':
      return log.info({ outcome, durationMs }, 'another worker is copying the object');
    case 'given_back':
      return log.info(
        { outcome, durationMs, why: result.why, delaySeconds: result.delaySeconds },
        'job given back to the queue',
      );
    case 'will_retry': {
      const { delaySeconds, error } = result;
      const level = outcome === 'internal_error' ? 'error' : 'warn';
      return log[level]({ outcome, durationMs, delaySeconds, err: error }, 'copy failed; the job is retried');
    }
    case 'failed':
      return log.warn(
        { outcome, durationMs, againSeconds: result.againSeconds, err: result.error },
        'copy failed permanently',
      );
    case 'dead_letter':
      return log.error({ outcome, durationMs, err: result.error }, 'job moved to the dead letters');
    case 'refused':
      return log.error(
        { outcome, durationMs, err: result.error },
        'a message that no front end of this mirror has signed was moved to the dead letters',
      );
  }
}
