import Router from '@koa/router';
import { HttpProblem, methodNotAllowed, metricsRoute, sendJson, sendText } from '@cloud-mirror/http-service';
import type { Endpoint, Handler, RequestContext, RequestState } from '@cloud-mirror/http-service';
import { marathonRoutes } from '../marathon/marathon-routes.ts';
import { eventsRoute } from './events-route.ts';
import { instancesRoutes } from './instances-routes.ts';
import type { Route, RoutesParts } from './route.ts';
import { OPENAPI } from '../openapi.ts';

const PAGE = `Cloud Mirror: fleet

GET /v1/instances   who runs where (?app=&region=&state=, ?format=prometheus, Accept: text/plain)
GET /v1/events      changes as server-sent events
GET /v2/apps        the same in Marathon's shapes; PUT /v2/apps/:id {"instances": 3} scales
GET /v1/openapi.json
`;

export function fleetRouter(parts: RoutesParts): Router<RequestState> {
  const router = new Router<RequestState>({ sensitive: true, strict: true });
  for (const { name, method, path, handle } of allRoutes(parts))
    router.register(path, [method], (ctx: RequestContext) => {
      ctx.state.record.route = name;
      return handle(ctx, { id: '', ...(ctx['params'] as { id?: string }) });
    });
  return router;
}

function allRoutes(parts: RoutesParts): readonly Route[] {
  const { metrics, isDraining, registry } = parts;
  return [
    {
      name: 'front-page',
      method: 'get',
      path: '/',
      handle: (ctx) => sendText(ctx, 200, PAGE, { 'Content-Type': 'text/plain; charset=utf-8' }),
    },
    {
      name: 'livez',
      method: 'get',
      path: '/livez',
      handle: (ctx) => sendJson(ctx, 200, { status: 'alive' }),
    },
    {
      name: 'readyz',
      method: 'get',
      path: '/readyz',
      handle(ctx) {
        if (isDraining())
          throw new HttpProblem(503, 'draining', 'This process is shutting down.', {
            headers: { 'Retry-After': '5' },
          });
        sendJson(ctx, 200, { status: 'ready', registryAgeMs: Math.round(registry.list().ageMs) });
      },
    },
    { name: 'metrics', method: 'get', path: '/metrics', handle: metricsRoute(metrics) },
    {
      name: 'openapi',
      method: 'get',
      path: '/v1/openapi.json',
      handle: (ctx) => sendJson(ctx, 200, OPENAPI),
    },
    ...instancesRoutes(parts),
    { name: 'events', method: 'get', path: '/v1/events', handle: eventsRoute(parts) },
    ...marathonRoutes(parts),
  ];
}

/** `/v2/apps//frontend` and `/v2/apps/` are other spellings of tools for Marathon, whose ids begin with a slash. */
export const normalizePath: Handler = (ctx, next) => {
  if (ctx.path.startsWith('/v2/')) ctx.path = ctx.path.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '');
  return next();
};

/** Answers unrouted requests: 405 if the path has a route, else 404. */
export function unrouted(router: Router<RequestState>): Endpoint {
  return (ctx) => {
    const layers = router.stack.filter((layer) => layer.match(ctx.path));
    if (layers.length > 0)
      throw methodNotAllowed([...new Set(layers.flatMap(({ methods }) => methods))].sort());
    throw new HttpProblem(404, 'no_such_route', 'There is nothing here; see /v1/openapi.json.');
  };
}
