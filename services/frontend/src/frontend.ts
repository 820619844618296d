import type { IncomingMessage, RequestListener } from 'node:http';
import Koa from 'koa';
import type { CacheManager } from '@cloud-mirror/cache-manager';
import type { EntryStore } from '@cloud-mirror/entry-store';
import type { Announcement, Config } from '@cloud-mirror/mirror';
import { auditAmongLog, secretsOf } from '@cloud-mirror/program';
import type { AuditTrail, Logger } from '@cloud-mirror/program';
import type { SourcePolicy } from '@cloud-mirror/origin';
import type { ObjectSigner } from '@cloud-mirror/routed-objects';
import type { Registry } from 'prom-client';
import {
  AccessLog,
  answerErrors,
  clientNetworkReader,
  HttpServer,
  OperatorAuth,
  operatorGate,
} from '@cloud-mirror/http-service';
import type { ReceivedRequest } from './request-context.ts';
import { isOurFault, problemOf } from './error-problem.ts';
import { registerReaderMetrics } from './objects/object-reader-metrics.ts';
import { ObjectReaders } from './objects/object-readers.ts';
import { FrontendMetrics } from './machines/metrics.ts';
import { PartProbe } from './machines/part-states.ts';
import { readinessOf } from './machines/readiness.ts';
import { RequestPipeline } from './request-pipeline.ts';
import { requestSecrets } from './request-secrets.ts';
import { objectCalls, ordinaryRoutes, routerOf, unrouted } from './routes.ts';

export type FrontendCacheManager = Pick<
  CacheManager,
  | 'redirect'
  | 'identify'
  | 'objectOf'
  | 'recallHit'
  | 'findHit'
  | 'purge'
  | 'flush'
  | 'status'
  | 'backends'
  | 'waiting'
>;

export interface FrontendParts {
  readonly config: Pick<Config, 'server' | 'admin'>;
  readonly cacheManager: FrontendCacheManager;
  readonly entries: Pick<EntryStore, 'check'>;
  readonly policy: SourcePolicy;
  readonly logger: Logger;
  /** Default: among the lines of the logger. */
  readonly audit?: AuditTrail;
  /** The front end registers its metrics here. `/metrics` shows all metrics of the registry. */
  readonly registry: Registry;
  /** The signer of addresses of routed objects; null while there is no key. Default: there is none. */
  readonly objectSigner?: () => Promise<ObjectSigner | null>;
}

export interface Frontend {
  /** What the registry is told of it. */
  announcement(address: string, servicePort: number): Announcement;
  /** @returns `http://host:port` */
  listen(): Promise<string>;
  /** Stops accepting connections and answers the requests under way, within `server.drainSeconds`. */
  drain(): Promise<void>;
}

/** Creates the front end. It opens only its TCP port, and does not close the given parts. */
export function createFrontend(parts: FrontendParts): Frontend {
  const { config, cacheManager, entries, logger, registry } = parts;
  let draining = false;
  const isDraining = () => draining;
  const probe = new PartProbe(entries, cacheManager.backends);
  const metrics = new FrontendMetrics({ registry, cacheManager, probe });
  const clientOf = clientNetworkReader(config.server.trustedProxies);
  const readers = new ObjectReaders(clientOf);
  registerReaderMetrics(registry, cacheManager.backends, readers);
  const operatorCall = operatorGate({
    auth: new OperatorAuth(config.admin.tokens),
    audit: parts.audit ?? auditAmongLog(logger),
    logger,
    problemOf,
    clientOf,
  });
  const routesParts = {
    ...parts,
    objectSigner: parts.objectSigner ?? (async () => null),
    probe,
    operatorCall,
    isDraining,
    readers,
    clientOf,
    acceptUpload: (request: IncomingMessage) => server.acceptUpload(request),
  };
  const router = routerOf(ordinaryRoutes(routesParts));

  const app = new Koa<ReceivedRequest>();
  app.on('error', (error: unknown) =>
    logger.debug({ err: error }, 'a connection ended in the middle of a response'),
  );
  const received = new WeakMap<IncomingMessage, ReceivedRequest>();
  app.use(answerErrors({ logger, isDraining, stateOf: stateIn(received), problemOf, isOurFault }));
  app.use(objectCalls(routesParts));
  app.use(router.routes());
  app.use(unrouted(router));

  const koa = app.callback();
  const secrets = secretsOf(logger);
  const pipeline = new RequestPipeline({
    server: config.server,
    cacheManager,
    isDraining,
    metrics,
    accessLog: new AccessLog(logger),
    logger,
    application(req, res, request) {
      received.set(req, request);
      secrets.run(requestSecrets(req, request.call), () => void koa(req, res));
    },
  });
  const listener: RequestListener = (req, res) => pipeline.handle(req, res);
  const server = new HttpServer(listener, { ...config.server, uploads: true }, logger);
  return {
    announcement: (address, servicePort) => ({
      app: 'frontend',
      listeners: [{ name: 'http', address, servicePort }],
      regions: [...cacheManager.backends.values()].map(({ region }) => region),
      async unhealthyWhy() {
        const { status, failing } = readinessOf(await probe.states());
        return status === 'unready' ? `not reachable: ${failing.join(', ')}` : null;
      },
      load: () => ({
        requestsPerSecond: null,
        waiting: cacheManager.waiting,
        copies: null,
        slotsFree: null,
      }),
    }),
    listen: () => server.listen(),
    async drain() {
      draining = true;
      await server.drain();
    },
  };
}

/** Koa creates the state of a request itself, so the pipeline's state is looked up by the request. */
function stateIn(received: WeakMap<IncomingMessage, ReceivedRequest>) {
  return (req: IncomingMessage): ReceivedRequest => {
    const request = received.get(req);
    if (request === undefined) throw new Error('a request reached the application without the pipeline');
    return request;
  };
}
