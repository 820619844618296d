import type { CacheManager, PurgeResult } from '@cloud-mirror/cache-manager';
import { HttpProblem, methodNotAllowed, sendJson } from '@cloud-mirror/http-service';
import type { RequestContext } from '../request-context.ts';
import type { ObjectPath } from '../redirect/object-path.ts';
import { recordObject } from '../redirect/object-record.ts';
import { decodeOriginUrlParameter } from '../redirect/origin-url-parameter.ts';
import { ALL_REGIONS, knownBackend, knownService } from './known-backends.ts';
import type { OperatorCall } from './operator-call.ts';

export interface PurgeRouteParts {
  readonly cacheManager: Pick<CacheManager, 'purge' | 'identify' | 'backends'>;
  readonly maxUrlBytes: number;
  readonly operatorCall: OperatorCall;
}

/**
 * `DELETE /v1/purge/:service/:region/:b64url`. Objects of sources that are no longer allowed can be purged, too. If there was nothing to purge, the 204 has `Cloud-Mirror-Purged: nothing`.
 */
export function purgeRoute({ cacheManager, maxUrlBytes, operatorCall }: PurgeRouteParts) {
  return async (ctx: RequestContext, { service, region, parameter }: ObjectPath): Promise<void> => {
    if (ctx.req.method !== 'DELETE') throw methodNotAllowed(['DELETE']);
    await operatorCall('purge', ctx, () => {
      const url = cacheManager.identify(decodeOriginUrlParameter(parameter, maxUrlBytes));
      recordObject(ctx.state.record, service, region, url);
      if (region === ALL_REGIONS) knownService(cacheManager.backends, service);
      else knownBackend(cacheManager.backends, service, region);
      return async () => answerPurge(ctx, region, await cacheManager.purge(service, region, url));
    });
  };
}

function answerPurge(ctx: RequestContext, region: string, results: readonly PurgeResult[]): void {
  if (!results.every(({ purged }) => purged)) throw purgeIncomplete(results);
  if (region === ALL_REGIONS) return sendJson(ctx, 200, { results });
  if (results.every(({ found }) => found === false)) {
    ctx.state.record.outcome = 'nothing_found';
    ctx.res.setHeader('Cloud-Mirror-Purged', 'nothing');
  }
  ctx.status = 204;
}

function purgeIncomplete(results: readonly PurgeResult[]): HttpProblem {
  const failed = results.filter(({ purged }) => !purged).map(({ backend }) => backend);
  return new HttpProblem(
    503,
    'purge_incomplete',
    `Not purged: ${failed.join(', ')}. Calling again is safe.`,
    {
      headers: { 'Retry-After': '5' },
      extensions: { results },
    },
  );
}
