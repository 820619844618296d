import type { IncomingMessage } from 'node:http';
import type { Middleware } from 'koa';
import type { Logger } from '@cloud-mirror/program';
import { sendText } from './answer.ts';
import { problemBody, problemHeaders, type HttpProblem } from './http-problem.ts';
import type { RequestContext, RequestState } from './request-context.ts';
import { lingerBeforeClose, mustCloseUnread } from './unread-body.ts';

/** @template State the state of a request with the fields of the service */
export interface AnswerErrorsParts<State extends RequestState> {
  readonly logger: Logger;
  readonly isDraining: () => boolean;
  /** The state that was created when the request arrived. */
  readonly stateOf: (request: IncomingMessage) => State;
  /** Converts a thrown value to the response. */
  readonly problemOf: (error: unknown) => HttpProblem;
  /** Whether a problem needs the attention of the service's operators. */
  readonly isOurFault: (problem: HttpProblem) => boolean;
}

/**
 * The outermost middleware: sets the headers that every answer has, and answers whatever the other handlers throw as
 * problem+json.
 */
export function answerErrors<State extends RequestState>(parts: AnswerErrorsParts<State>): Middleware<State> {
  const { isDraining, stateOf } = parts;
  return async (ctx, next) => {
    ctx.state = stateOf(ctx.req);
    ctx.res.setHeader('X-Request-Id', ctx.state.requestId);
    // A body may still be arriving when the answer is complete.
    if (isDraining() || ctx.req.headers['transfer-encoding'] !== undefined)
      ctx.res.setHeader('Connection', 'close');
    lingerBeforeClose(ctx.req);
    try {
      await next();
    } catch (error) {
      answerError(ctx, error, parts);
    }
    // Again: the drain may have begun while the client waited.
    if ((isDraining() || mustCloseUnread(ctx.req)) && !ctx.res.headersSent)
      ctx.res.setHeader('Connection', 'close');
  };
}

function answerError(
  ctx: RequestContext,
  error: unknown,
  {
    logger,
    problemOf,
    isOurFault,
  }: Pick<AnswerErrorsParts<RequestState>, 'logger' | 'problemOf' | 'isOurFault'>,
): void {
  const { requestId, record } = ctx.state;
  // The client has left and the end of its request is logged already.
  if (ctx.req.socket.destroyed) return;
  const problem = problemOf(error);
  record.outcome ??= problem.code;
  if (isOurFault(problem))
    logger.error({ requestId, route: record.route, err: problem.cause ?? error }, problem.message);
  // Remove the headers that the handler set for the answer that it did not give.
  for (const name of ctx.res.getHeaderNames())
    if (name !== 'x-request-id' && name !== 'connection') ctx.res.removeHeader(name);
  sendText(ctx, problem.status, problemBody(problem, requestId), problemHeaders(problem));
}
