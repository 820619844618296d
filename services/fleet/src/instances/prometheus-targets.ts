import type { Instance } from '@cloud-mirror/registry';
import { hostAndPort } from './endpoint-lines.ts';

interface TargetGroup {
  readonly targets: readonly [string];
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The instances in the form of Prometheus' HTTP service discovery
 * (https://prometheus.io/docs/prometheus/latest/http_sd/). Draining ones are still scraped. Instances without a port that
 * serves `/metrics` are left out.
 */
export function prometheusTargets(instances: readonly Instance[]): TargetGroup[] {
  return instances.flatMap(({ host, ports, metricsPort, ...instance }) => {
    const port = metricsPort ?? ports[0]?.port;
    if (port === undefined) return [];
    const { id, app, node, region, version, state } = instance;
    const labels = {
      app,
      node,
      ...(region === null ? {} : { region }),
      __meta_cloud_mirror_id: id,
      __meta_cloud_mirror_version: version,
      __meta_cloud_mirror_state: state,
    };
    return [{ targets: [hostAndPort(host, port)], labels }];
  });
}
