import type { Registry } from 'prom-client';
import { sendText } from './answer.ts';
import type { Endpoint } from './request-context.ts';

/** `GET /metrics` in the Prometheus text format. */
export function metricsRoute(registry: Registry): Endpoint {
  return async (ctx) => {
    sendText(ctx, 200, await registry.metrics(), {
      'Content-Type': registry.contentType,
      'Cache-Control': 'no-store',
    });
  };
}
