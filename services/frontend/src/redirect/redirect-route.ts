import type { CacheManager, RedirectOutcome, RedirectRequest } from '@cloud-mirror/cache-manager';
import { backendName } from '@cloud-mirror/mirrored-objects';
import type { Config } from '@cloud-mirror/mirror';
import type { SourcePolicy } from '@cloud-mirror/origin';
import type { Logger } from '@cloud-mirror/program';
import { HttpProblem, methodNotAllowed, sendJson } from '@cloud-mirror/http-service';
import type { RedirectCall } from '../parsed-call.ts';
import type { RequestContext } from '../request-context.ts';
import { recordObject } from './object-record.ts';
import { asksForRevalidation, readPreferences } from './prefer.ts';
import { redirectAnswer } from './redirect-answer.ts';
import { redirectOutcomeLabel } from './redirect-outcome-label.ts';
import { waitFor } from './wait.ts';

export interface RedirectRouteParts {
  readonly server: Pick<Config['server'], 'maxWaitSeconds' | 'redirectMaxAgeSeconds'>;
  readonly cacheManager: Pick<CacheManager, 'redirect' | 'backends'>;
  readonly policy: SourcePolicy;
  readonly logger: Logger;
  /** What the requests of one client have in common, see `clientNetworkReader`. */
  readonly clientOf: (request: RequestContext['req']) => string;
}

/** `GET|HEAD /v1/redirect/:service/:region/:b64url[/:filename]` */
export function redirectRoute(
  parts: RedirectRouteParts,
): (ctx: RequestContext, call: RedirectCall) => Promise<void> {
  const { server } = parts;
  return async (ctx, { target, service, region, url, fault, object }) => {
    const { method, headers } = ctx.req;
    if (method !== 'GET' && method !== 'HEAD') throw methodNotAllowed(['GET', 'HEAD']);
    if (url === null) throw fault;

    recordObject(ctx.state.record, service, region, url, object?.id.sha256);
    const preferences = readPreferences(singleHeader(headers['prefer']), target.rawQuery);
    const wait = waitFor(preferences, server.maxWaitSeconds);

    const outcome = await decide(parts, {
      service,
      region,
      url,
      object,
      method,
      requestId: ctx.state.requestId,
      arrivedAtMs: ctx.state.arrivedAtMs,
      missing: ctx.state.missing,
      waitMs: wait.waitMs,
      respondAsync: wait.respondAsync,
      client: parts.clientOf(ctx.req),
      revalidate: asksForRevalidation(headers['cache-control']),
      signal: clientGone(ctx),
    });

    ctx.state.record.outcome = redirectOutcomeLabel(outcome);
    const { redirectMaxAgeSeconds } = server;
    const answer = redirectAnswer(outcome, { url, wait, redirectMaxAgeSeconds });
    if (answer instanceof HttpProblem) throw answer;
    sendJson(ctx, answer.status, answer.body, answer.headers);
  };
}

/** After a defect of this program the client is sent to the origin, which has the artifact. */
async function decide(parts: RedirectRouteParts, request: RedirectRequest): Promise<RedirectOutcome> {
  try {
    return await parts.cacheManager.redirect(request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    const { service, region, url, requestId } = request;
    if (!parts.cacheManager.backends.has(backendName(service, region))) throw error;
    const decision = parts.policy.decide(url);
    if (!decision.allowed) throw error;
    parts.logger.error(
      { requestId, service, region, err: error },
      'redirecting to the origin after an unexpected error',
    );
    return {
      kind: 'origin',
      location: decision.url.href,
      state: 'error',
      reason: 'internal_error',
      message: 'An internal error occurred in the mirror; the origin has the object.',
    };
  }
}

/** Aborted when the connection closes before the answer is sent. */
function clientGone(ctx: RequestContext): AbortSignal {
  const gone = new AbortController();
  ctx.res.once('close', () => {
    if (!ctx.res.writableFinished) gone.abort(new Error('the client disconnected'));
  });
  return gone.signal;
}

function singleHeader(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'object' ? header.join(', ') : header;
}
