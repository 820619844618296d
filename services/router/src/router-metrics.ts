import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { LiveRoutes } from '@cloud-mirror/storage-routes';
import type { CLIENT_GONE } from '@cloud-mirror/http-service';

const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 30];

interface Tally {
  readonly labels: {
    readonly route: string;
    readonly method: string;
    readonly status: number | typeof CLIENT_GONE;
  };
  count: number;
}

/** The metrics of a router. No label has a path, a key or the name of a route's prefix. */
export class RouterMetrics {
  readonly #requests: Counter<'route' | 'method' | 'status'>;
  readonly #durations: Histogram<'route'>;
  /** Requests since the last scrape: counting each one by its labels would take as long as signing it. */
  readonly #tallies = new Map<string, Tally>();

  constructor(registry: Registry) {
    const registers = [registry];
    this.#requests = new Counter({
      name: 'cloud_mirror_router_requests_total',
      help: 'Requests to the router by route, method and status; client_gone if the client disconnected before it had the whole response',
      labelNames: ['route', 'method', 'status'],
      registers,
      collect: () => this.#collect(),
    });
    this.#durations = new Histogram({
      name: 'cloud_mirror_router_request_duration_seconds',
      help: 'Time from the arrival of a request to the end of its response',
      labelNames: ['route'],
      buckets: DURATION_BUCKETS,
      registers,
    });
  }

  count(route: string, method: string, status: Tally['labels']['status'], durationMs: number): void {
    const name = `${route} ${method} ${status}`;
    const tally = this.#tallies.get(name);
    if (tally === undefined) this.#tallies.set(name, { labels: { route, method, status }, count: 1 });
    else tally.count += 1;
    this.#durations.observe({ route }, durationMs / 1000);
  }

  #collect(): void {
    for (const { labels, count } of this.#tallies.values()) this.#requests.inc(labels, count);
    this.#tallies.clear();
  }
}

/** The metrics of the document of routes. */
export function registerStateMetrics(
  registry: Registry,
  routes: Pick<LiveRoutes, 'table' | 'degraded'>,
): void {
  const registers = [registry];
  new Gauge({
    name: 'cloud_mirror_router_routes',
    help: 'Routes in force',
    registers,
    collect() {
      this.set(routes.table.size);
    },
  });
  new Gauge({
    name: 'cloud_mirror_router_state_degraded',
    help: '1 while the document of routes cannot be read, else 0',
    registers,
    collect() {
      this.set(routes.degraded === null ? 0 : 1);
    },
  });
}
