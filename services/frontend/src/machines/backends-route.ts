import { sendJson } from '@cloud-mirror/http-service';
import type { Endpoint } from '../request-context.ts';
import type { PartProbe } from './part-states.ts';

/** `GET /v1/backends`: services and regions with their state. Public, so it contains no address or secret. */
export function backendsRoute(probe: PartProbe): Endpoint {
  return async (ctx) => {
    const { backends } = await probe.states();
    sendJson(ctx, 200, {
      backends: backends.map(({ backend, store, queue, depth, capabilities }) => ({
        name: backend.name,
        service: backend.service,
        region: backend.region,
        kind: backend.kind,
        access: backend.store.access,
        lifespanDays: backend.lifespanDays,
        state: store.status === 'ok' && queue.status === 'ok' ? 'ok' : 'degraded',
        store,
        ...(capabilities !== null && { capabilities }),
        queue: { ...queue, ...depth },
      })),
    });
  };
}
