import { Counter, Gauge, type Registry } from 'prom-client';
import type { CLIENT_GONE } from '@cloud-mirror/http-service';
import type { Registry as Instances } from '@cloud-mirror/registry';

export interface FleetMetricsParts {
  readonly metrics: Registry;
  readonly instances: Instances;
  readonly readers: () => number;
}

/** The metrics of a fleet. */
export class FleetMetrics {
  readonly #requests: Counter<'route' | 'method' | 'status'>;

  constructor({ metrics, instances, readers }: FleetMetricsParts) {
    const registers = [metrics];
    this.#requests = new Counter({
      name: 'cloud_mirror_fleet_requests_total',
      help: 'Requests to the fleet by route, method and status; client_gone if the client disconnected before it had the whole response',
      labelNames: ['route', 'method', 'status'],
      registers,
    });
    new Gauge({
      name: 'cloud_mirror_fleet_instances',
      help: 'Announced instances by app, state and health',
      labelNames: ['app', 'state', 'healthy'],
      registers,
      collect() {
        this.reset();
        for (const { app, state, healthy } of instances.list().instances)
          this.inc({ app, state, healthy: String(healthy) });
      },
    });
    new Gauge({
      name: 'cloud_mirror_fleet_registry_age_seconds',
      help: 'Time since the registry was read',
      registers,
      collect() {
        this.set(instances.list().ageMs / 1000);
      },
    });
    new Gauge({
      name: 'cloud_mirror_fleet_event_readers',
      help: 'Readers of event streams',
      registers,
      collect() {
        this.set(readers());
      },
    });
  }

  count(route: string, method: string, status: number | typeof CLIENT_GONE): void {
    this.#requests.inc({ route, method, status });
  }
}
