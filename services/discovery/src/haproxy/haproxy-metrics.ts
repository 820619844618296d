import { Counter, Gauge, type Registry } from 'prom-client';
import type { HaproxyEvent, HaproxyStatus } from './haproxy-agent.ts';

/** The metrics of the HAProxy agent. No label has the name of an app. */
export class HaproxyMetrics {
  readonly #events: Counter<'event'>;

  constructor(registry: Registry, status: () => HaproxyStatus) {
    const registers = [registry];
    this.#events = new Counter({
      name: 'cloud_mirror_haproxy_events_total',
      help: 'What the agent did to HAProxy: started, reloaded, written (the file), add, move, enable, drain, remove (a server), failed (a round)',
      labelNames: ['event'],
      registers,
    });
    const gauge = (name: string, help: string, value: () => number): void => {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value());
        },
      });
    };
    gauge('cloud_mirror_haproxy_up', '1 if HAProxy answers on its socket', () => Number(status().isRunning));
    gauge('cloud_mirror_haproxy_servers', 'Servers in the configuration of HAProxy', () => status().servers);
    gauge(
      'cloud_mirror_haproxy_faults',
      'Apps and instances that are left out of the load balancer because of a fault',
      () => status().faults.length,
    );
  }

  count(event: HaproxyEvent): void {
    this.#events.inc({ event });
  }
}
