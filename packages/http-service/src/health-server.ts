import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '@cloud-mirror/program';
import type { Registry } from 'prom-client';
import { jsonHeaders, SHOWN_HEADERS } from './answer.ts';
import { HostGate } from './host-gate.ts';
import { HttpProblem, problemBody, problemHeaders } from './http-problem.ts';
import { HttpServer } from './http-server.ts';
import { methodNotAllowed } from './method-not-allowed.ts';
import { requestIdOf } from './request-id.ts';
import { requestRefusal } from './request-refusal.ts';
import { parseRequestTarget } from './request-target.ts';

export interface ProcessHealth {
  readonly status: 'ok' | 'degraded' | 'draining';
  /** Parts whose last call failed: `queue s3/us-west-1`. */
  readonly failing: readonly string[];
  /** What is known of failing parts, by their names. */
  readonly parts?: Readonly<Record<string, FailingPart>>;
}

/** Why a part fails. Public, so no string contains an address or a secret. */
export interface FailingPart {
  readonly status: 'failing';
  /** A stable word. */
  readonly cause: string;
  /** Why a part that answers refuses, and the remedy: `WRONGPASS: …`. */
  readonly detail?: string;
}

export interface HealthServerParts {
  readonly health: () => ProcessHealth | Promise<ProcessHealth>;
  readonly registry: Registry;
  readonly logger: Logger;
  /**
   * Answers to other GETs, as JSON: returns null for a path that it does not have. They may be asked for under any host.
   * @throws HttpProblem
   */
  readonly answer?: (rawPath: string) => Promise<unknown> | null;
  /** Default: as many as an orchestrator and Prometheus need. */
  readonly maxConnections?: number;
}

/** Small, because only an orchestrator and Prometheus call this server. */
const LIMITS = {
  keepAliveSeconds: 5,
  drainSeconds: 0,
  maxWaiting: 100,
  maxWaitSeconds: 0,
  maxUrlBytes: 0,
  maxConnections: 100,
} as const;

/**
 * Starts a server with `/livez`, `/readyz` (503 while the program drains) and `/metrics`, for a program that serves
 * little else over HTTP.
 * @returns its address, `http://host:port`; disposal closes it
 */
export async function startHealthServer(
  listen: { readonly host: string; readonly port: number },
  parts: HealthServerParts,
): Promise<{ readonly address: string } & AsyncDisposable> {
  const gate = new HostGate({ publicUrl: null, hosts: [], listenHost: listen.host });
  const server = new HttpServer(
    (request, response) => {
      answerHealth(request, response, { ...parts, gate }).catch(() => response.destroy());
    },
    { ...LIMITS, ...listen, maxConnections: parts.maxConnections ?? LIMITS.maxConnections },
    parts.logger,
  );
  const address = await server.listen();
  return { address, [Symbol.asyncDispose]: () => server.drain() };
}

const PATHS: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics']);

async function answerHealth(
  request: IncomingMessage,
  response: ServerResponse,
  { health, registry, gate, answer }: HealthServerParts & { readonly gate: HostGate },
): Promise<void> {
  const requestId = requestIdOf(request.headers['x-request-id']);
  const send = (status: number, headers: Readonly<Record<string, string>>, body: string): void => {
    response.writeHead(status, { ...SHOWN_HEADERS, ...headers, 'X-Request-Id': requestId });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  const json = (status: number, body: unknown): void => send(status, jsonHeaders({}), JSON.stringify(body));
  const problem = (of: HttpProblem): void => send(of.status, problemHeaders(of), problemBody(of, requestId));
  const { rawPath } = parseRequestTarget(request.url ?? '/');
  const refusal =
    requestRefusal(request) ?? gate.refusalOf(request, answer !== undefined || PATHS.has(rawPath));
  if (refusal !== null) return problem(refusal);
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return problem(methodNotAllowed(['GET', 'HEAD']));
  switch (rawPath) {
    case '/livez':
      return json(200, { status: 'ok' });
    case '/readyz': {
      const now = await health();
      return json(now.status === 'draining' ? 503 : 200, now);
    }
    case '/metrics':
      return send(200, metricsHeaders(registry), await registry.metrics());
    default:
      return answerOther(rawPath, { answer, json, problem });
  }
}

async function answerOther(
  rawPath: string,
  {
    answer,
    json,
    problem,
  }: {
    readonly answer: HealthServerParts['answer'] | undefined;
    readonly json: (status: number, body: unknown) => void;
    readonly problem: (of: HttpProblem) => void;
  },
): Promise<void> {
  try {
    const answered = answer?.(rawPath) ?? null;
    if (answered !== null) return json(200, await answered);
    const paths = 'This server has no such path. Among others it has /livez, /readyz and /metrics.';
    problem(new HttpProblem(404, 'no_such_route', paths));
  } catch (error) {
    if (!(error instanceof HttpProblem)) throw error;
    problem(error);
  }
}

function metricsHeaders(registry: Registry): Record<string, string> {
  return { 'Content-Type': registry.contentType, 'Cache-Control': 'no-store' };
}
