import { canServe } from '@cloud-mirror/registry';
import type { Registry } from '@cloud-mirror/registry';
import type { RouterInstance } from './administration/endpoints-line.ts';

/** The name of this program in the registry. */
export const ROUTER_APP = 'router';

/** The routers that can serve, in the order of their start. */
export function servingRouters(registry: Registry): RouterInstance[] {
  return registry
    .list()
    .instances.filter((instance) => instance.app === ROUTER_APP && canServe(instance))
    .flatMap(({ host, ports: [http], app, state }) =>
      http === undefined ? [] : [{ host, port: http.port, role: app, state }],
    );
}
