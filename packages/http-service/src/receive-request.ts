import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import type { Logger } from '@cloud-mirror/program';
import { sendText } from './answer.ts';
import { HttpProblem, problemBody, problemHeaders } from './http-problem.ts';
import type { RequestContext, RequestState } from './request-context.ts';
import { requestIdOf } from './request-id.ts';
import { parseRequestTarget } from './request-target.ts';

/** @template State what the service adds to the state of a request */
export interface ReceiveParts<State extends RequestState> {
  readonly logger: Logger;
  readonly isDraining: () => boolean;
  /** Adds to the state of a request what the service has in it. */
  readonly stateOf: (request: IncomingMessage, state: RequestState) => State;
  /** The answer to whatever was thrown. */
  readonly problemOf: (error: unknown) => HttpProblem;
  /** Whether the operators of the service should look at a problem. */
  readonly isOurFault: (problem: HttpProblem) => boolean;
  /** Called once for each request, when its answer went out or its client went away. */
  readonly onEnd: (ctx: RequestContext<State>, durationMs: number) => void;
}

/**
 * The outermost middleware: gives the request its identifier and its record, turns whatever is thrown into a problem,
 * and reports the end.
 */
export function receiveRequest<State extends RequestState>(parts: ReceiveParts<State>): Middleware<State> {
  const { isDraining, stateOf, onEnd } = parts;
  return async (ctx, next) => {
    ctx.state = stateOf(ctx.req, {
      requestId: requestIdOf(ctx.req.headers['x-request-id']),
      arrivedAtMs: performance.now(),
      target: parseRequestTarget(ctx.req.url ?? '/'),
      record: { route: 'unknown' },
    });
    const { arrivedAtMs } = ctx.state;
    ctx.res.setHeader('X-Request-Id', ctx.state.requestId);
    if (isDraining()) ctx.res.setHeader('Connection', 'close');
    ctx.res.once('close', () => onEnd(ctx, performance.now() - arrivedAtMs));
    try {
      requireHost(ctx);
      refuseBody(ctx);
      await next();
    } catch (error) {
      answerError(ctx, error, parts);
    }
    // Again: the drain may have begun while the client waited.
    if (isDraining() && !ctx.res.headersSent) ctx.res.setHeader('Connection', 'close');
  };
}

/** RFC 9112, section 3.2. */
function requireHost({ req }: RequestContext): void {
  if (req.headers.host === undefined && req.httpVersion === '1.1')
    throw new HttpProblem(400, 'host_missing', 'The request has no Host header.');
}

/** Nothing here takes a body. A small one is read and thrown away; for another the connection is given up. */
const LARGEST_BODY_BYTES = 64 * 1024;

function refuseBody(ctx: RequestContext): void {
  const { 'content-length': length, 'transfer-encoding': coding } = ctx.req.headers;
  // A body of unknown length has not come to its end when the answer has: who keeps on sending is cut off.
  if (coding !== undefined) ctx.res.setHeader('Connection', 'close');
  if (length !== undefined && Number(length) > LARGEST_BODY_BYTES)
    throw new HttpProblem(413, 'body_too_large', 'No request here has a body.', {
      headers: { Connection: 'close' },
    });
}

function answerError(
  ctx: RequestContext,
  error: unknown,
  { logger, problemOf, isOurFault }: Pick<ReceiveParts<RequestState>, 'logger' | 'problemOf' | 'isOurFault'>,
): void {
  const { requestId, record } = ctx.state;
  // Nobody is there to be told; the end of the request has been logged.
  if (ctx.req.socket.destroyed) return;
  const problem = problemOf(error);
  record.outcome ??= problem.code;
  if (isOurFault(problem))
    logger.error({ requestId, route: record.route, err: problem.cause ?? error }, problem.message);
  // What was to go with another answer does not belong to this one.
  for (const name of ctx.res.getHeaderNames())
    if (name !== 'x-request-id' && name !== 'connection') ctx.res.removeHeader(name);
  sendText(ctx, problem.status, problemBody(problem, requestId), problemHeaders(problem));
}
