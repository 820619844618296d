import { HttpProblem, sendJson } from '@cloud-mirror/http-service';
import type { Endpoint } from '../request-context.ts';
import type { PartProbe } from './part-states.ts';
import { readinessOf } from './readiness.ts';

export interface HealthRoutesParts {
  readonly probe: PartProbe;
  readonly isDraining: () => boolean;
}

export function healthRoutes({
  probe,
  isDraining,
}: HealthRoutesParts): Record<'ping' | 'livez' | 'readyz', Endpoint> {
  return {
    /** `GET /v1/ping` */
    ping: (ctx) => sendJson(ctx, 200, { alive: true, uptime: process.uptime() }),

    /** `GET /livez`: checks only this process, because a restart does not repair Redis. */
    livez: (ctx) => sendJson(ctx, 200, { status: 'alive' }),

    /** `GET /readyz` */
    readyz: async (ctx) => {
      if (isDraining()) throw unready('draining', 'This process is shutting down.');
      const readiness = readinessOf(await probe.states());
      if (readiness.status === 'unready')
        throw unready('no_store', `Not reachable: ${readiness.failing.join(', ')}.`, { ...readiness });
      sendJson(ctx, 200, readiness);
    },
  };
}

function unready(code: string, detail: string, extensions: Record<string, unknown> = {}): HttpProblem {
  // In a problem, `status` is the HTTP status, and `code` has the word.
  const { status: _word, ...others } = extensions;
  return new HttpProblem(503, code, detail, { headers: { 'Retry-After': '5' }, extensions: others });
}
