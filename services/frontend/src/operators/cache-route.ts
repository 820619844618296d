import type { CacheManager } from '@cloud-mirror/cache-manager';
import { sendJson } from '@cloud-mirror/http-service';
import type { RequestContext } from '../request-context.ts';
import { recordBackend } from '../redirect/object-record.ts';
import { knownBackend, knownService } from './known-backends.ts';
import type { OperatorCall } from './operator-call.ts';

export interface CacheRouteParts {
  readonly cacheManager: Pick<CacheManager, 'flush' | 'backends'>;
  readonly operatorCall: OperatorCall;
}

type Flushed = { readonly service?: string; readonly region?: string };

/** `DELETE /v1/cache[/:service[/:region]]`: drops entries; keeps copies and purge markers. */
export function cacheRoute({ cacheManager, operatorCall }: CacheRouteParts) {
  const flush = (ctx: RequestContext, { service, region }: Flushed) =>
    operatorCall('flush', ctx, () => {
      recordBackend(ctx.state.record, service, region);
      if (service !== undefined && region !== undefined) knownBackend(cacheManager.backends, service, region);
      else if (service !== undefined) knownService(cacheManager.backends, service);
      return async () => sendJson(ctx, 200, { forgotten: await cacheManager.flush(service, region) });
    });
  return {
    everything: (ctx: RequestContext) => flush(ctx, {}),
    service: (ctx: RequestContext, { service }: Required<Flushed>) => flush(ctx, { service }),
    region: (ctx: RequestContext, { service, region }: Required<Flushed>) => flush(ctx, { service, region }),
  };
}
