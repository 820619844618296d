import type { Backends, CacheManager } from '@cloud-mirror/cache-manager';
import { backendName } from '@cloud-mirror/cache-manager';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Exchange } from '../http/request-context.ts';
import type { PartProbe } from './part-states.ts';

/** Redirects from memory take less than a millisecond, waiting ones as long as the server lets them. */
const DURATION_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30,
];

export interface FrontendMetricsParts {
  readonly registry: Registry;
  readonly cacheManager: Pick<CacheManager, 'backends' | 'waiting'>;
  readonly probe: PartProbe;
}

/** What this process tells Prometheus. Labels hold names of the configuration and of routes only, never a URL. */
export class FrontendMetrics {
  readonly #backends: Backends;
  readonly #requests: Counter<'route' | 'method' | 'status'>;
  readonly #redirects: Counter<'service' | 'region' | 'outcome'>;
  readonly #durations: Histogram<'route'>;

  constructor({ registry, cacheManager, probe }: FrontendMetricsParts) {
    const registers = [registry];
    this.#backends = cacheManager.backends;
    this.#requests = new Counter({
      name: 'cloud_mirror_http_requests_total',
      help: 'Requests answered, by route, method and status',
      labelNames: ['route', 'method', 'status'],
      registers,
    });
    this.#redirects = new Counter({
      name: 'cloud_mirror_redirects_total',
      help: 'Redirect requests, by back end and by what became of them',
      labelNames: ['service', 'region', 'outcome'],
      registers,
    });
    this.#durations = new Histogram({
      name: 'cloud_mirror_http_request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its answer',
      labelNames: ['route'],
      buckets: DURATION_BUCKETS,
      registers,
    });
    new Gauge({
      name: 'cloud_mirror_requests_waiting',
      help: 'Requests that wait for a copy now',
      registers,
      collect() {
        this.set(cacheManager.waiting);
      },
    });
    registerPartGauges(registry, probe);
  }

  countRequest({ req, res, state }: Exchange, durationMs: number): void {
    const { route, outcome = 'unknown', service = '', region = '' } = state.record;
    this.#requests.inc({ route, method: req.method ?? 'unknown', status: res.statusCode });
    this.#durations.observe({ route }, durationMs / 1000);
    // Names that a client made up would grow the metrics without end.
    if (route === 'redirect' && this.#backends.has(backendName(service, region)))
      this.#redirects.inc({ service, region, outcome });
  }
}

/** Asked when Prometheus scrapes, by way of the probe's cached look. */
function registerPartGauges(registry: Registry, probe: PartProbe): void {
  const registers = [registry];
  new Gauge({
    name: 'cloud_mirror_queue_jobs',
    help: 'Jobs in the queue of each back end, as the queue counts them',
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
    name: 'cloud_mirror_part_up',
    help: '1 where the part answers, else 0',
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
