import type { IncomingMessage, RequestListener } from 'node:http';
import Koa from 'koa';
import type { CacheManager } from '@cloud-mirror/cache-manager';
import type { EntryStore } from '@cloud-mirror/entry-store';
import type * as http from '@cloud-mirror/http-service';
import type { Config } from '@cloud-mirror/mirror';
import type { Logger } from '@cloud-mirror/program';
import type { SourcePolicy } from '@cloud-mirror/origin';
import type { Registry } from 'prom-client';
import {
  AccessLog,
  clientAddressReader,
  endOf,
  HttpServer,
  OperatorAuth,
  operatorGate,
  rateLimit,
  RateLimiter,
  receiveRequest,
} from '@cloud-mirror/http-service';
import type { Arrival, Exchange, RequestState } from './request-context.ts';
import { isOurFault, problemOf } from './error-problem.ts';
import { FrontendMetrics } from './machines/metrics.ts';
import { PartProbe } from './machines/part-states.ts';
import { HitShortcut } from './redirect/hit-shortcut.ts';
import { objectCalls, ordinaryRoutes, routerOf, unrouted } from './routes.ts';

export type FrontendCacheManager = Pick<
  CacheManager,
  'redirect' | 'objectOf' | 'recallHit' | 'findHit' | 'purge' | 'flush' | 'status' | 'backends' | 'waiting'
>;

export interface FrontendParts {
  readonly config: Pick<Config, 'server' | 'admin'>;
  readonly cacheManager: FrontendCacheManager;
  readonly entries: Pick<EntryStore, 'check'>;
  readonly policy: SourcePolicy;
  readonly logger: Logger;
  /** Gets this front end's metrics; `/metrics` shows all that is in it. */
  readonly registry: Registry;
}

/** Probes and scrapes come often and from few addresses. */
const UNLIMITED_PATHS: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics', '/v1/ping']);

export interface Frontend {
  /** @returns `http://host:port` */
  listen(): Promise<string>;
  /** Accepts nothing more and answers what has begun, for `server.drainSeconds` at the most. */
  drain(): Promise<void>;
}

/** The front end over HTTP. Opens nothing but its port, and closes nothing that it was given. */
export function createFrontend(parts: FrontendParts): Frontend {
  const { config, cacheManager, entries, logger, registry } = parts;
  const accessLog = new AccessLog(logger);
  let draining = false;
  const isDraining = () => draining;
  const probe = new PartProbe(entries, cacheManager.backends);
  const metrics = new FrontendMetrics({ registry, cacheManager, probe });
  const operatorCall = operatorGate({ auth: new OperatorAuth(config.admin.tokens), logger, problemOf });
  const routesParts = { ...parts, probe, operatorCall, isDraining };
  const router = routerOf(ordinaryRoutes(routesParts));

  const app = new Koa<RequestState>();
  app.on('error', (error: unknown) =>
    logger.debug({ err: error }, 'a connection ended in the middle of an answer'),
  );
  const onEnd = ({ req, res, state }: Exchange, durationMs: number): void => {
    const { requestId } = state;
    const { record, status } = endOf(res, state.record);
    const answered = { method: req.method ?? 'unknown', status };
    metrics.countRequest(metrics.tallyOf(record, answered), durationMs);
    accessLog.tell(req, res, { requestId, record: AccessLog.recordOf(record), durationMs });
  };
  /** Of requests that the shortcut looked at first: waits count from there. */
  const arrivals = new WeakMap<IncomingMessage, Arrival>();
  const stateOf = (request: IncomingMessage, state: http.RequestState): RequestState => ({
    missing: false,
    ...state,
    ...arrivals.get(request),
  });
  app.use(receiveRequest({ logger, isDraining, stateOf, problemOf, isOurFault, onEnd }));
  const { rateLimit: limit, trustedProxies } = config.server;
  if (limit !== null)
    app.use(rateLimit(new RateLimiter(limit), clientAddressReader(trustedProxies), UNLIMITED_PATHS));
  app.use(objectCalls(routesParts));
  app.use(router.routes());
  app.use(unrouted(router));

  const handle = app.callback();
  // Budgets of clients are the application's to keep.
  const shortcut =
    limit === null
      ? new HitShortcut({ server: config.server, cacheManager, isDraining, metrics, accessLog })
      : null;
  const listener: RequestListener = (request, response) => {
    if (shortcut === null) return void handle(request, response);
    shortcut.handle(request, response, (arrival) => {
      arrivals.set(request, arrival);
      void handle(request, response);
    });
  };
  const server = new HttpServer(listener, config.server, logger);
  return {
    listen: () => server.listen(),
    async drain() {
      draining = true;
      await server.drain();
    },
  };
}
