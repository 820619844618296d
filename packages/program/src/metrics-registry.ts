import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * Gauges among prom-client's default metrics whose names end in `_total`, which is reserved for counters. Each of them
 * is the sum of the gauge with the same name without `_total`, so nothing is lost without them.
 */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/**
 * Creates a registry with prom-client's default metrics, except the misnamed ones.
 * @param prefix the beginning of their names
 */
export function openMetricsRegistry(prefix: string): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix });
  for (const name of MISNAMED) registry.removeSingleMetric(prefix + name);
  return registry;
}
