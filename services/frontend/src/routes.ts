import type { IncomingMessage } from 'node:http';
import Router from '@koa/router';
import type { CacheManager } from '@cloud-mirror/cache-manager';
import type { Config } from '@cloud-mirror/mirror';
import type { Logger } from '@cloud-mirror/program';
import type { SourcePolicy } from '@cloud-mirror/origin';
import type { ObjectSigner } from '@cloud-mirror/routed-objects';
import type { Registry } from 'prom-client';
import { HttpProblem, methodNotAllowed, metricsRoute, sendJson } from '@cloud-mirror/http-service';
import type { Endpoint, Handler, ReceivedRequest, RequestContext } from './request-context.ts';
import { backendsRoute } from './machines/backends-route.ts';
import { frontPage } from './machines/front-page.ts';
import { healthRoutes } from './machines/health-routes.ts';
import type { PartProbe } from './machines/part-states.ts';
import type { ObjectReaders } from './objects/object-readers.ts';
import { objectsRoute } from './objects/objects-route.ts';
import { signedObjectsRoute } from './objects/signed-objects-route.ts';
import { openApiDocument } from './openapi/document.ts';
import { cacheRoute } from './operators/cache-route.ts';
import type { OperatorCall } from './operators/operator-call.ts';
import { purgeRoute } from './operators/purge-route.ts';
import { queueRoutes } from './operators/queue-routes.ts';
import { statusRoute } from './operators/status-route.ts';
import { redirectRoute } from './redirect/redirect-route.ts';

export interface RoutesParts {
  readonly config: Pick<Config, 'server' | 'admin'>;
  readonly cacheManager: Pick<
    CacheManager,
    'redirect' | 'identify' | 'purge' | 'status' | 'flush' | 'backends'
  >;
  readonly policy: SourcePolicy;
  readonly probe: PartProbe;
  readonly operatorCall: OperatorCall;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly isDraining: () => boolean;
  readonly readers: ObjectReaders;
  /** The signer of addresses of routed objects; null while there is no key, so that no address can be valid. */
  readonly objectSigner: () => Promise<ObjectSigner | null>;
  /** The network of a request's client. */
  readonly clientOf: (request: IncomingMessage) => string;
  /** Lets the body of a request take long. */
  readonly acceptUpload: (request: IncomingMessage) => void;
}

/**
 * Handles calls on one object, and refused requests. The router does not see them, because it would decode the path, which
 * contains the origin URL.
 */
export function objectCalls(parts: RoutesParts): Handler {
  const { config, cacheManager, operatorCall } = parts;
  const { maxUrlBytes } = config.server;
  const redirect = redirectRoute({ ...parts, server: config.server });
  const operatorCalls = {
    purge: purgeRoute({ cacheManager, maxUrlBytes, operatorCall }),
    status: statusRoute({ cacheManager, maxUrlBytes, operatorCall }),
  };
  const signedObjects = signedObjectsRoute({ ...parts, backends: cacheManager.backends });
  return async (ctx, next) => {
    const { call, record } = ctx.state;
    switch (call.kind) {
      case 'refused':
        throw call.problem;
      case 'redirect':
        record.route = 'redirect';
        return redirect(ctx, call);
      case 'operator':
        record.route = call.path.call;
        return operatorCalls[call.path.call](ctx, call.path);
      case 'signed_object':
        record.route = 'signed-objects';
        return signedObjects(ctx, call.target);
      case 'routed':
        return next();
    }
  };
}

/** The decoded parameters of a path; empty if the path has no such parameter. */
export interface RouteParameters {
  readonly service: string;
  readonly region: string;
  readonly name: string;
}

export interface OrdinaryRoute {
  /** The name in logs and metrics. */
  readonly name: string;
  readonly method: 'get' | 'post' | 'delete';
  readonly path: string;
  readonly handle: (ctx: RequestContext, parameters: RouteParameters) => Promise<void> | void;
}

/** All routes except the calls on one object. */
export function ordinaryRoutes(parts: RoutesParts): readonly OrdinaryRoute[] {
  const { config, cacheManager, operatorCall, logger, probe, readers, registry } = parts;
  const { backends } = cacheManager;
  const { ping, livez, readyz } = healthRoutes(parts);
  const flush = cacheRoute({ cacheManager, operatorCall });
  const queue = queueRoutes({ backends, operatorCall });
  const objects = objectsRoute({ backends, logger, readers });
  const openApi = openApiDocument(config.server.publicUrl);
  const revalidated = { 'Cache-Control': 'no-cache' };
  const deadLetters = '/v1/dead-letters/:service/:region';
  return [
    { name: 'front-page', method: 'get', path: '/', handle: frontPage },
    { name: 'ping', method: 'get', path: '/v1/ping', handle: ping },
    { name: 'livez', method: 'get', path: '/livez', handle: livez },
    { name: 'readyz', method: 'get', path: '/readyz', handle: readyz },
    { name: 'metrics', method: 'get', path: '/metrics', handle: metricsRoute(registry) },
    {
      name: 'openapi',
      method: 'get',
      path: '/v1/openapi.json',
      handle: (ctx) => sendJson(ctx, 200, openApi, revalidated),
    },
    { name: 'backends', method: 'get', path: '/v1/backends', handle: backendsRoute(probe) },
    { name: 'objects', method: 'get', path: '/v1/objects/:service/:region/:name', handle: objects },
    { name: 'flush', method: 'delete', path: '/v1/cache', handle: flush.everything },
    { name: 'flush', method: 'delete', path: '/v1/cache/:service', handle: flush.service },
    { name: 'flush', method: 'delete', path: '/v1/cache/:service/:region', handle: flush.region },
    { name: 'drop-queue', method: 'delete', path: '/v1/queue/:service/:region', handle: queue.dropWaiting },
    { name: 'dead-letters', method: 'get', path: deadLetters, handle: queue.lookAtDeadLetters },
    { name: 'redrive', method: 'post', path: `${deadLetters}/redrive`, handle: queue.redriveDeadLetters },
    { name: 'drop-dead-letters', method: 'delete', path: deadLetters, handle: queue.dropDeadLetters },
  ];
}

export type FrontendRouter = Router<ReceivedRequest>;

export function routerOf(routes: readonly OrdinaryRoute[]): FrontendRouter {
  const router: FrontendRouter = new Router<ReceivedRequest>({ sensitive: true, strict: true });
  for (const { name, method, path, handle } of routes)
    router.register(path, [method], (ctx) => {
      ctx.state.record.route = name;
      return handle(ctx, { service: '', region: '', name: '', ...ctx.params });
    });
  return router;
}

/** Answers unrouted requests: 405 if the path has a route, else 404. The router's own answers are not problem+json. */
export function unrouted(router: FrontendRouter): Endpoint {
  return (ctx) => {
    const { call } = ctx.state;
    const layers = call.kind === 'routed' ? router.stack.filter((layer) => layer.match(call.rawPath)) : [];
    if (layers.length > 0)
      throw methodNotAllowed([...new Set(layers.flatMap(({ methods }) => methods))].sort());
    throw new HttpProblem(404, 'no_such_route', 'There is nothing here; see /v1/openapi.json.');
  };
}
