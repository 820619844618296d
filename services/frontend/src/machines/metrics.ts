import type { CacheManager } from '@cloud-mirror/cache-manager';
import { backendName, type Backends } from '@cloud-mirror/mirrored-objects';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { CLIENT_GONE } from '@cloud-mirror/http-service';
import type { RequestRecord } from '../request-record.ts';
import type { PartProbe } from './part-states.ts';

/** A remembered hit takes less than a millisecond; a request that waits may take `server.maxWaitSeconds`. */
const DURATION_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30,
];

export interface FrontendMetricsParts {
  readonly registry: Registry;
  readonly cacheManager: Pick<CacheManager, 'backends' | 'waiting'>;
  readonly probe: PartProbe;
}

/** The response to a request. */
export interface Answered {
  readonly method: string;
  readonly status: number | typeof CLIENT_GONE;
}

/** The number of requests with the same labels. */
export interface Tally {
  readonly requests: { readonly route: string; readonly method: string; readonly status: Answered['status'] };
  /** null unless the request is a redirect to a configured back end. */
  readonly redirect: { readonly service: string; readonly region: string; readonly outcome: string } | null;
  readonly duration: { readonly route: string };
  /** The number of requests since the last scrape. */
  count: number;
}

/** The metrics of a front end. Labels contain only names of the configuration and of routes, never a URL. */
export class FrontendMetrics {
  readonly #backends: Backends;
  readonly #requests: Counter<'route' | 'method' | 'status'>;
  readonly #redirects: Counter<'service' | 'region' | 'outcome'>;
  readonly #durations: Histogram<'route'>;
  /** Requests since the last scrape. Looking up the counters for each request took as long as finding its copy. */
  readonly #tallies = new Map<string, Tally>();

  constructor({ registry, cacheManager, probe }: FrontendMetricsParts) {
    const registers = [registry];
    this.#backends = cacheManager.backends;
    const collect = (): void => this.#collect();
    this.#requests = new Counter({
      name: 'cloud_mirror_http_requests_total',
      help: 'Requests by route, method and status; client_gone if the client disconnected before it had the whole response',
      labelNames: ['route', 'method', 'status'],
      registers,
      collect,
    });
    this.#redirects = new Counter({
      name: 'cloud_mirror_redirects_total',
      help: 'Redirect requests by back end and outcome',
      labelNames: ['service', 'region', 'outcome'],
      registers,
      collect,
    });
    this.#durations = new Histogram({
      name: 'cloud_mirror_http_request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its response',
      labelNames: ['route'],
      buckets: DURATION_BUCKETS,
      registers,
    });
    new Gauge({
      name: 'cloud_mirror_requests_waiting',
      help: 'Requests that are waiting for a copy',
      registers,
      collect() {
        this.set(cacheManager.waiting);
      },
    });
    registerPartGauges(registry, probe);
  }

  /** The tally for requests with these labels. The caller may keep it for later requests. */
  tallyOf({ route, outcome = 'unknown', service = '', region = '' }: RequestRecord, answer: Answered): Tally {
    const { method, status } = answer;
    // Labels with names that clients invent would grow without bound.
    const redirect =
      route === 'redirect' && this.#backends.has(backendName(service, region))
        ? { service, region, outcome }
        : null;
    const name = JSON.stringify([route, method, status, redirect]);
    const known = this.#tallies.get(name);
    if (known !== undefined) return known;
    const tally = { requests: { route, method, status }, redirect, duration: { route }, count: 0 };
    this.#tallies.set(name, tally);
    return tally;
  }

  countRequest(tally: Tally, durationMs: number): void {
    tally.count += 1;
    this.#durations.observe(tally.duration, durationMs / 1000);
  }

  #collect(): void {
    for (const tally of this.#tallies.values()) {
      if (tally.count === 0) continue;
      this.#requests.inc(tally.requests, tally.count);
      if (tally.redirect !== null) this.#redirects.inc(tally.redirect, tally.count);
      tally.count = 0;
    }
  }
}

/** Gauges whose values come from the cached probe when Prometheus scrapes. */
function registerPartGauges(registry: Registry, probe: PartProbe): void {
  const registers = [registry];
  new Gauge({
    name: 'cloud_mirror_queue_jobs',
    help: 'Jobs in the queue of each back end, as counted by the queue',
    labelNames: ['service', 'region', 'state'],
    registers,
    async collect() {
      this.reset();
      for (const { backend, depth } of (await probe.states()).backends) {
        if (depth === null) continue;
        const { service, region } = backend;
        this.set({ service, region, state: 'waiting' }, depth.waiting);
        this.set({ service, region, state: 'in_flight' }, depth.inFlight);
        this.set({ service, region, state: 'dead' }, depth.deadLetters);
      }
    },
  });
  new Gauge({
    name: 'cloud_mirror_store_clock_ahead_seconds',
    help: "How far this machine's clock is ahead of the store's, in seconds; negative: behind",
    labelNames: ['service', 'region'],
    registers,
    async collect() {
      for (const { backend } of (await probe.states()).backends) {
        const { service, region, store } = backend;
        this.set({ service, region }, store.clock.aheadMs / 1000);
      }
    },
  });
  new Gauge({
    name: 'cloud_mirror_part_up',
    help: '1 if the part answers, else 0',
    labelNames: ['part', 'service', 'region'],
    registers,
    async collect() {
      const { entries, backends } = await probe.states();
      this.reset();
      this.set({ part: 'entries', service: '', region: '' }, entries.status === 'ok' ? 1 : 0);
      for (const { backend, store, queue } of backends) {
        const { service, region } = backend;
        this.set({ part: 'store', service, region }, store.status === 'ok' ? 1 : 0);
        this.set({ part: 'queue', service, region }, queue.status === 'ok' ? 1 : 0);
      }
    },
  });
}
