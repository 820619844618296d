import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CacheManager } from '@cloud-mirror/cache-manager';
import type { Config } from '@cloud-mirror/mirror';
import type { Logger } from '@cloud-mirror/program';
import { OBJECTS_PATH } from '@cloud-mirror/routed-objects';
import {
  AccessLog,
  ClientBudgets,
  endOf,
  HostGate,
  parseRequestTarget,
  requestIdOf,
  requestRefusal,
  sendWholeMessage,
  takesWholeMessages,
} from '@cloud-mirror/http-service';
import type { FrontendMetrics } from './machines/metrics.ts';
import { isObjectRedirect, parseCall, type ParsedCall, type RefusedCall } from './parsed-call.ts';
import { MessageStart, REDIRECTED } from './redirect/hit-message.ts';
import { recordObject } from './redirect/object-record.ts';
import { asksForRevalidation } from './redirect/prefer.ts';
import { RememberedAnswers } from './redirect/remembered-answers.ts';
import type { RememberedAnswer, RememberedCall } from './redirect/remembered-call.ts';
import { ReceivedRequest } from './request-context.ts';

export interface RequestPipelineParts {
  readonly server: Pick<
    Config['server'],
    | 'host'
    | 'hosts'
    | 'publicUrl'
    | 'maxUrlBytes'
    | 'rememberedBytes'
    | 'redirectMaxAgeSeconds'
    | 'keepAliveSeconds'
    | 'rateLimit'
    | 'trustedProxies'
  >;
  readonly cacheManager: Pick<CacheManager, 'objectOf' | 'recallHit' | 'findHit'>;
  readonly isDraining: () => boolean;
  readonly metrics: Pick<FrontendMetrics, 'countRequest' | 'tallyOf'>;
  readonly accessLog: AccessLog;
  readonly logger: Logger;
  /** Answers the requests that memory cannot answer. */
  readonly application: (req: IncomingMessage, res: ServerResponse, request: ReceivedRequest) => void;
}

/** Probes and scrapes, which ask by address and not by name. */
const PROBE_PATHS: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics']);
/** Probes and scrapes, which are frequent and come from few addresses. */
const UNLIMITED_PATHS: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics', '/v1/ping']);

const UNNAMED_PROXY =
  'requests that carry X-Forwarded-For were refused by server.rateLimit, and all clients behind their proxy count as one: ' +
  'if the proxy is your load balancer, name its networks in server.trustedProxies';

/**
 * The path of every request: check its head, take it from its client's budget, parse it, and answer it from memory. If
 * memory has no answer, pass the parsed call to the application. Logs and counts the end of each request.
 *
 * Memory answers most requests, which are hits. The application (Koa) takes twice as long as all other work for a hit.
 */
export class RequestPipeline {
  readonly #parts: RequestPipelineParts;
  readonly #gate: HostGate;
  readonly #budgets: ClientBudgets | null;
  readonly #answers: RememberedAnswers;
  readonly #messageStart: MessageStart;
  /** If false for this version of Node, the application answers hits as well. */
  readonly #sendsMessages = takesWholeMessages();

  constructor(parts: RequestPipelineParts) {
    this.#parts = parts;
    const { host, hosts, publicUrl, rateLimit, trustedProxies, keepAliveSeconds } = parts.server;
    this.#gate = new HostGate({ publicUrl, hosts, listenHost: host });
    const warn = (): void => parts.logger.warn({ key: 'server.trustedProxies' }, UNNAMED_PROXY);
    this.#budgets = rateLimit === null ? null : new ClientBudgets(rateLimit, trustedProxies, warn);
    this.#answers = new RememberedAnswers(parts);
    this.#messageStart = new MessageStart(keepAliveSeconds);
  }

  handle(req: IncomingMessage, res: ServerResponse): void {
    try {
      this.#handle(req, res);
    } catch (error) {
      this.#fail(res, error);
    }
  }

  #handle(req: IncomingMessage, res: ServerResponse): void {
    const arrivedAtMs = performance.now();
    const requestId = requestIdOf(req.headers['x-request-id']);
    const line = req.url ?? '/';
    const known = this.#answers.callOf(line);
    const call = this.#admit(req, line, known, arrivedAtMs);
    const request = new ReceivedRequest(requestId, arrivedAtMs, call);
    res.on('close', () => this.#end(req, res, request));
    if (!isObjectRedirect(call) || !this.#isPlain(req, res))
      return this.#parts.application(req, res, request);
    const remembered = known ?? this.#answers.begin(line, call);
    const answer = this.#answers.recall(remembered);
    if (answer !== null) return this.#send(res, request, remembered, answer);
    this.#find(req, res, request, remembered).catch((error: unknown) => this.#fail(res, error));
  }

  /** A defect of this program costs one connection, not the process. */
  #fail(res: ServerResponse, error: unknown): void {
    this.#parts.logger.error({ err: error }, 'a request could not be handled');
    res.destroy();
  }

  /** Returns the call of an admitted request, or the refusal. Parses only admitted targets that are not remembered. */
  #admit(
    req: IncomingMessage,
    line: string,
    known: RememberedCall | undefined,
    arrivedAtMs: number,
  ): ParsedCall {
    if (known !== undefined) return this.#refusalOf(req, null, arrivedAtMs) ?? known;
    const target = parseRequestTarget(line);
    return this.#refusalOf(req, target.rawPath, arrivedAtMs) ?? parseCall(target, this.#parts);
  }

  /** @param rawPath null for a path of the application */
  #refusalOf(req: IncomingMessage, rawPath: string | null, arrivedAtMs: number): RefusedCall | null {
    const isProbe = rawPath !== null && PROBE_PATHS.has(rawPath);
    const budgets = rawPath !== null && UNLIMITED_PATHS.has(rawPath) ? null : this.#budgets;
    const largestBody = rawPath?.startsWith(OBJECTS_PATH) === true ? Infinity : undefined;
    const problem =
      requestRefusal(req, largestBody) ??
      this.#gate.refusalOf(req, isProbe) ??
      budgets?.take(req, arrivedAtMs) ??
      null;
    return problem === null ? null : { kind: 'refused', problem };
  }

  /**
   * Whether the call alone determines the response to a hit: no HEAD, no revalidation, no body to read, and a connection
   * that stays open, as the prepared message says.
   */
  #isPlain({ method, headers }: IncomingMessage, res: ServerResponse): boolean {
    if (method !== 'GET' || asksForRevalidation(headers['cache-control'])) return false;
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return false;
    return this.#keepsConnection(res);
  }

  #keepsConnection(res: ServerResponse): boolean {
    return res.shouldKeepAlive && this.#sendsMessages && !this.#parts.isDraining();
  }

  async #find(
    req: IncomingMessage,
    res: ServerResponse,
    request: ReceivedRequest,
    remembered: RememberedCall,
  ): Promise<void> {
    const found = await this.#answers.find(remembered);
    // Koa would wait for a 'close' event that has already fired.
    if (res.closed) return;
    if (found !== null && found !== 'missing' && this.#keepsConnection(res))
      return this.#send(res, request, remembered, found);
    request.missing = found === 'missing';
    this.#parts.application(req, res, request);
  }

  #send(
    res: ServerResponse,
    request: ReceivedRequest,
    remembered: RememberedCall,
    answer: RememberedAnswer,
  ): void {
    request.hit = remembered;
    sendWholeMessage(res, REDIRECTED, `${this.#messageStart.now()}${request.requestId}${answer.tail}`);
  }

  /** Called when the response was sent, or the client disconnected before. */
  #end(req: IncomingMessage, res: ServerResponse, request: ReceivedRequest): void {
    const { metrics, accessLog } = this.#parts;
    const { requestId, hit } = request;
    const durationMs = performance.now() - request.arrivedAtMs;
    if (hit !== null && res.writableFinished) {
      metrics.countRequest(hit.tally, durationMs);
      accessLog.logRequest(req, res, { requestId, record: hit.logged, durationMs });
      return;
    }
    recordUnrouted(request);
    const { record, status } = endOf(res, request.record);
    metrics.countRequest(metrics.tallyOf(record, { method: req.method ?? 'unknown', status }), durationMs);
    accessLog.logRequest(req, res, { requestId, record: AccessLog.recordOf(record), durationMs });
  }
}

/** For a client that disconnected before the application saw its request. */
function recordUnrouted({ call, record }: ReceivedRequest): void {
  if (record.route !== 'unknown' || !isObjectRedirect(call)) return;
  record.route = 'redirect';
  recordObject(record, call.service, call.region, call.url, call.object.id.sha256);
}
