import type { IncomingMessage, ServerResponse } from 'node:http';
import Koa from 'koa';
import {
  AccessLog,
  answerErrors,
  ClientBudgets,
  clientNetworkReader,
  endOf,
  HostGate,
  HttpServer,
  isLoopbackHost,
  OperatorAuth,
  operatorGate,
  requestIdOf,
  requestRefusal,
} from '@cloud-mirror/http-service';
import type { Handler, Operator, RequestState } from '@cloud-mirror/http-service';
import type { AdminToken, FleetSettings } from '@cloud-mirror/mirror';
import type { AuditTrail, Logger } from '@cloud-mirror/program';
import type { Registry as Instances } from '@cloud-mirror/registry';
import type { Registry as Metrics } from 'prom-client';
import { marathonErrors } from '../marathon/marathon-errors.ts';
import type { Deployments } from '../scaling/deployments.ts';
import type { FleetDriver } from '../scaling/fleet-driver.ts';
import { EventReaders } from './event-readers.ts';
import { FleetMetrics } from './fleet-metrics.ts';
import { fleetProblem } from './fleet-problems.ts';
import { fleetRouter, normalizePath, unrouted } from './routes.ts';

export interface FleetServerParts {
  readonly settings: Pick<FleetSettings, 'host' | 'port'>;
  readonly tokens: readonly AdminToken[];
  readonly registry: Instances;
  readonly driver: FleetDriver;
  readonly deployments: Deployments;
  readonly audit: AuditTrail;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const LIMITS = {
  keepAliveSeconds: 75,
  drainSeconds: 5,
  maxWaiting: 0,
  maxWaitSeconds: 0,
  maxUrlBytes: 4_096,
  trustedProxies: [],
} as const;
/** For each client: more than foreign instances on one machine renew. */
const BUDGET = { requestsPerSecond: 500, burst: 5_000 } as const;
const PROBES = /^\/(?:livez|readyz|metrics|ping)?$/;
/** The name in the audit stream of whoever uses an open fleet. */
const LOCAL_OPERATOR: Operator<string> = { name: 'loopback', scopes: ['scale', 'register'] };

/** The fleet's HTTP server. */
export class FleetServer {
  readonly #server: HttpServer;
  readonly #readers: EventReaders;
  readonly #accessLog: AccessLog;
  readonly #metrics: FleetMetrics;
  #address = '';
  #draining = false;

  constructor(parts: FleetServerParts) {
    const { settings, tokens, registry, audit, logger, metrics } = parts;
    const clientOf = clientNetworkReader([]);
    this.#readers = new EventReaders(clientOf);
    this.#accessLog = new AccessLog(logger);
    this.#metrics = new FleetMetrics({ metrics, instances: registry, readers: () => this.#readers.count });
    const isOpen = tokens.length === 0 && isLoopbackHost(settings.host);
    if (isOpen)
      logger.warn(
        'anybody on this machine may scale and register: the fleet listens on loopback, and there are no admin.tokens',
      );
    const auth = isOpen ? { identify: () => LOCAL_OPERATOR } : new OperatorAuth<string>(tokens);
    const operatorCall = operatorGate<string>({ auth, audit, logger, problemOf: fleetProblem, clientOf });
    const router = fleetRouter({
      ...parts,
      readers: this.#readers,
      auth,
      operatorCall,
      metrics,
      isDraining: () => this.#draining,
      clientOf,
      address: () => this.#address,
    });
    const received = new WeakMap<IncomingMessage, RequestState>();
    const app = new Koa<RequestState>();
    app.on('error', (error: unknown) =>
      logger.debug({ err: error }, 'a connection ended in the middle of a response'),
    );
    app.use(
      answerErrors({
        logger,
        isDraining: () => this.#draining,
        stateOf: (request) => stateIn(received, request),
        problemOf: fleetProblem,
        isOurFault: ({ status }) => status >= 500,
      }),
    );
    app.use(
      marathonErrors(fleetProblem, (problem, requestId, error) =>
        logger.error({ requestId, err: problem.cause ?? error }, problem.message),
      ),
    );
    app.use(gateOf(settings.host));
    app.use(normalizePath);
    app.use(router.routes());
    app.use(unrouted(router));
    const koa = app.callback();
    this.#server = new HttpServer(
      (request, response) => {
        received.set(request, this.#receive(request, response));
        void koa(request, response);
      },
      { ...LIMITS, ...settings },
      logger,
    );
  }

  /** @returns `http://host:port` */
  async listen(): Promise<string> {
    this.#address = await this.#server.listen();
    return this.#address;
  }

  /** Ends the event streams, stops accepting connections and answers the requests under way. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#readers.close();
    await this.#server.drain();
  }

  #receive(request: IncomingMessage, response: ServerResponse): RequestState {
    const state: RequestState = {
      requestId: requestIdOf(request.headers['x-request-id']),
      arrivedAtMs: performance.now(),
      record: { route: 'unknown' },
    };
    response.on('close', () => {
      const durationMs = performance.now() - state.arrivedAtMs;
      const { record, status } = endOf(response, state.record);
      this.#metrics.count(record.route, request.method ?? 'unknown', status);
      this.#accessLog.logRequest(request, response, {
        requestId: state.requestId,
        record: AccessLog.recordOf(record),
        durationMs,
      });
    });
    return state;
  }
}

/**
 * Refuses requests with too large a body, of clients that send too many, and of web pages of others. Whoever reaches the
 * listener under whatever name may read; on loopback, a page in a browser could (DNS rebinding).
 */
function gateOf(listenHost: string): Handler {
  const gate = new HostGate({ publicUrl: null, hosts: [], listenHost });
  const budgets = new ClientBudgets(BUDGET, []);
  const isLocal = isLoopbackHost(listenHost);
  return (ctx, next) => {
    const isProbe = !isLocal || PROBES.test(ctx.path);
    const refusal =
      requestRefusal(ctx.req) ?? gate.refusalOf(ctx.req, isProbe) ?? budgets.take(ctx.req, performance.now());
    if (refusal !== null) throw refusal;
    return next();
  };
}

function stateIn(received: WeakMap<IncomingMessage, RequestState>, request: IncomingMessage): RequestState {
  const state = received.get(request);
  if (state === undefined) throw new Error('a request reached the application without the server');
  return state;
}
