/**
 * Gauges that prom-client's default metrics call a total. Only counters end in `_total`, and each of these is the sum
 * of the gauge of its name without that ending.
 */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** Takes those of the default metrics out of a registry whose names say something else than they are. */
export function dropMisnamedMetrics(
  registry: { removeSingleMetric(name: string): void },
  prefix: string,
): void {
  for (const name of MISNAMED) registry.removeSingleMetric(prefix + name);
}
