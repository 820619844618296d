import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * Gauges that prom-client's default metrics call a total. Only counters end in `_total`, and each of these is the sum
 * of the gauge of its name without that ending.
 */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/**
 * A registry with the default metrics of a Node process, their names prefixed by `prefix`. The default metrics whose
 * names are wrong are left out.
 */
export function openMetricsRegistry(prefix: string): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix });
  for (const name of MISNAMED) registry.removeSingleMetric(prefix + name);
  return registry;
}
