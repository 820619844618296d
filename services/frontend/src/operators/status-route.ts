import type { CacheManager } from '@cloud-mirror/cache-manager';
import { methodNotAllowed, sendJson } from '@cloud-mirror/http-service';
import type { RequestContext } from '../request-context.ts';
import type { ObjectPath } from '../redirect/object-path.ts';
import { recordObject } from '../redirect/object-record.ts';
import { decodeOriginUrlParameter } from '../redirect/origin-url-parameter.ts';
import { ALL_REGIONS, knownBackend, knownService } from './known-backends.ts';
import type { OperatorCall } from './operator-call.ts';

export interface StatusRouteParts {
  readonly cacheManager: Pick<CacheManager, 'status' | 'identify' | 'backends'>;
  readonly maxUrlBytes: number;
  readonly operatorCall: OperatorCall;
}

/** `GET /v1/status/:service/:region/:b64url`: the state of one object. Never starts a copy. */
export function statusRoute({ cacheManager, maxUrlBytes, operatorCall }: StatusRouteParts) {
  return async (ctx: RequestContext, { service, region, parameter }: ObjectPath): Promise<void> => {
    if (ctx.req.method !== 'GET' && ctx.req.method !== 'HEAD') throw methodNotAllowed(['GET', 'HEAD']);
    await operatorCall('read', ctx, () => {
      const url = cacheManager.identify(decodeOriginUrlParameter(parameter, maxUrlBytes));
      recordObject(ctx.state.record, service, region, url);
      if (region !== ALL_REGIONS) {
        knownBackend(cacheManager.backends, service, region);
        return async () => sendJson(ctx, 200, await cacheManager.status(service, region, url));
      }
      const backends = knownService(cacheManager.backends, service);
      return async () => {
        const reports = backends.map((backend) => cacheManager.status(service, backend.region, url));
        sendJson(ctx, 200, { regions: await Promise.all(reports) });
      };
    });
  };
}
