import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  AccessLog,
  endOf,
  HttpProblem,
  HttpServer,
  isLoopbackHost,
  lingerBeforeClose,
  mustCloseUnread,
  parseRequestTarget,
  problemBody,
  problemHeaders,
  requestIdOf,
  requestRefusal,
  sendWholeMessage,
  ServedHosts,
  takesWholeMessages,
} from '@cloud-mirror/http-service';
import type { LoggedRecord } from '@cloud-mirror/http-service';
import type { AdminToken, RouterSettings } from '@cloud-mirror/mirror';
import type { Logger } from '@cloud-mirror/program';
import type { RouteTable } from '@cloud-mirror/storage-routes';
import type { Registry } from 'prom-client';
import { Access } from './access.ts';
import { refuseForeignPage } from './foreign-page.ts';
import type { Destinations } from './objects/destinations.ts';
import type { ListAnswer } from './objects/list-answer.ts';
import {
  ObjectsHandler,
  signingProblem,
  type ObjectAnswer,
  type SignedRedirect,
} from './objects/objects-handler.ts';
import { cacheControl, REDIRECTED, RedirectMessages } from './objects/redirect-message.ts';
import type { ReceivedRequest, RouterRecord } from './received-request.ts';
import { RouterMetrics } from './router-metrics.ts';

/** Answers the requests for `/`. */
export type Administration = (
  request: IncomingMessage,
  response: ServerResponse,
  received: ReceivedRequest,
) => void;

export interface RouterParts {
  readonly settings: RouterSettings;
  readonly tokens: readonly AdminToken[];
  /** The routes in force. */
  readonly table: () => RouteTable;
  readonly destinations: Destinations;
  readonly administration: Administration;
  readonly logger: Logger;
  readonly registry: Registry;
}

const MOST_RECORDS = 10_000;
/** Longer than the longest key with every byte percent-encoded, so that such a request gets a helpful answer. */
const MOST_URL_BYTES = 16_384;

/** The router's HTTP server: host check, then `/` or an object, then the log line. */
export class Router {
  readonly #parts: RouterParts;
  readonly #server: HttpServer;
  readonly #hosts: ServedHosts;
  readonly #objects: ObjectsHandler;
  readonly #messages: RedirectMessages;
  readonly #metrics: RouterMetrics;
  readonly #accessLog: AccessLog;
  /** If false for this version of Node, redirects are sent header by header. */
  readonly #sendsMessages = takesWholeMessages();
  readonly #records = new Map<string, LoggedRecord>();
  #draining = false;

  constructor(parts: RouterParts) {
    const { settings, tokens, logger, registry } = parts;
    this.#parts = parts;
    const { host, publicUrl, hosts, readers, writers, keepAliveSeconds } = settings;
    this.#hosts = new ServedHosts({ publicUrl, hosts, listenHost: host });
    const access = new Access({ tokens, readers, writers, isLoopback: isLoopbackHost(host) });
    this.#objects = new ObjectsHandler({ ...parts, access, signedSeconds: settings.signedSeconds });
    this.#messages = new RedirectMessages(keepAliveSeconds);
    this.#metrics = new RouterMetrics(registry);
    this.#accessLog = new AccessLog(logger);
    this.#server = new HttpServer(
      (request, response) => this.#handle(request, response),
      {
        ...settings,
        maxWaiting: 0,
        maxWaitSeconds: 0,
        maxUrlBytes: MOST_URL_BYTES,
      },
      logger,
    );
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  /** @returns `http://host:port` */
  listen(): Promise<string> {
    return this.#server.listen();
  }

  /** Stops accepting connections and answers the requests under way, within `router.drainSeconds`. */
  async drain(): Promise<void> {
    this.#draining = true;
    await this.#server.drain();
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const received: ReceivedRequest = {
      requestId: requestIdOf(request.headers['x-request-id']),
      arrivedAtMs: performance.now(),
      record: { route: 'unknown' },
    };
    response.on('close', () => this.#end(request, response, received));
    try {
      const answer = this.#answer(request, response, received);
      if (answer === null) return;
      if (!(answer instanceof Promise)) return this.#send(request, response, received, answer);
      answer.then(
        (resolved) => this.#send(request, response, received, resolved),
        (error: unknown) => this.#refuse(request, response, received, error),
      );
    } catch (error) {
      this.#refuse(request, response, received, error);
    }
  }

  /** @returns null if the administration answers */
  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    received: ReceivedRequest,
  ): ObjectAnswer | Promise<ObjectAnswer> | null {
    this.#assertHead(request);
    const target = parseRequestTarget(request.url ?? '/');
    if (target.rawPath !== '/') {
      received.record.route = 'objects';
      if (request.method !== 'GET' && request.method !== 'HEAD')
        refuseForeignPage(request, this.#parts.settings.publicUrl);
      return this.#objects.answer(request, target, received);
    }
    received.record.route = 'administration';
    if (request.headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
    this.#parts.administration(request, response, received);
    return null;
  }

  /** @throws HttpProblem 403 for another host, 400 for a target that is neither a path nor a URL */
  #assertHead(request: IncomingMessage): void {
    const refusal = requestRefusal(request, Infinity);
    if (refusal !== null) throw refusal;
    if (this.#hosts.remembers(request)) return;
    if (this.#hosts.examine(request).fault !== null) throw hostRefused();
    if (!/^(?:\/|https?:\/\/)/i.test(request.url ?? '/'))
      throw new HttpProblem(400, 'path_malformed', 'The target of the request is not a path.');
  }

  #send(
    request: IncomingMessage,
    response: ServerResponse,
    received: ReceivedRequest,
    answer: ObjectAnswer,
  ): void {
    if (response.closed) return;
    if ('location' in answer) return this.#redirect(request, response, received, answer);
    received.record.outcome = 'listed';
    this.#sendBody(request, response, received, { status: 200, ...answer });
  }

  /** Sends a redirect before any of the request's body is read. No `100 Continue` is ever sent for an object. */
  #redirect(
    request: IncomingMessage,
    response: ServerResponse,
    received: ReceivedRequest,
    { location, seconds }: SignedRedirect,
  ): void {
    const { requestId, record } = received;
    record.outcome = 'signed';
    const closes = this.#mustClose(request);
    if (!closes && this.#sendsMessages && response.shouldKeepAlive)
      return sendWholeMessage(response, REDIRECTED, this.#messages.of(requestId, location, seconds));
    lingerBeforeClose(request);
    response.writeHead(REDIRECTED, {
      'Cache-Control': cacheControl(seconds),
      Location: location,
      'Content-Length': 0,
      'X-Request-Id': requestId,
      ...(closes ? { Connection: 'close' } : {}),
    });
    response.end();
  }

  #refuse(
    request: IncomingMessage,
    response: ServerResponse,
    received: ReceivedRequest,
    error: unknown,
  ): void {
    const { requestId, record } = received;
    if (response.closed || response.headersSent) return;
    const problem = signingProblem(error);
    record.outcome = problem.code;
    if (problem.status >= 500 && problem.cause !== undefined)
      this.#parts.logger.error({ requestId, prefix: record.prefix, err: problem.cause }, problem.message);
    this.#sendBody(request, response, received, {
      status: problem.status,
      headers: problemHeaders(problem),
      body: problemBody(problem, requestId),
    });
  }

  #sendBody(
    request: IncomingMessage,
    response: ServerResponse,
    { requestId }: ReceivedRequest,
    { status, headers, body }: { status: number } & ListAnswer,
  ): void {
    lingerBeforeClose(request);
    response.writeHead(status, {
      ...headers,
      'X-Request-Id': requestId,
      'Content-Length': Buffer.byteLength(body),
      ...(this.#mustClose(request) ? { Connection: 'close' } : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  /** The records of signed redirects are few: one for each route and token. */
  #logged(record: RouterRecord): LoggedRecord {
    if (record.outcome !== 'signed') return AccessLog.recordOf(record);
    const name = `${record.prefix} ${record.token}`;
    let logged = this.#records.get(name);
    if (logged === undefined) {
      logged = AccessLog.recordOf(record);
      if (this.#records.size >= MOST_RECORDS) this.#records.clear();
      this.#records.set(name, logged);
    }
    return logged;
  }

  #mustClose(request: IncomingMessage): boolean {
    return this.#draining || mustCloseUnread(request);
  }

  #end(request: IncomingMessage, response: ServerResponse, received: ReceivedRequest): void {
    const durationMs = performance.now() - received.arrivedAtMs;
    const { record, status } = endOf(response, received.record);
    this.#metrics.count(record.route, request.method ?? 'unknown', status, durationMs);
    const { requestId } = received;
    this.#accessLog.logRequest(request, response, { requestId, record: this.#logged(record), durationMs });
  }
}

function hostRefused(): HttpProblem {
  return new HttpProblem(
    403,
    'host_refused',
    'This router does not serve the host of the request: add it to router.hosts if it is one of its names.',
  );
}
