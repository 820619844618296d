import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DefaultContext, ParameterizedContext } from 'koa';
import type { RequestTarget } from './request-target.ts';

/**
 * What the log line and the metrics of a request say; handlers fill in what they learn. Each service adds its own
 * fields.
 */
export interface RequestRecord {
  /** Name of the route, `unknown` until one matched. Never a path: paths hold URLs. */
  route: string;
  outcome?: string;
  /** Name of the operator's token. */
  operator?: string;
}

export interface RequestState {
  requestId: string;
  /** `performance.now()` when the request arrived. */
  arrivedAtMs: number;
  target: RequestTarget;
  record: RequestRecord;
}

/** What logs and metrics see of a request. */
export interface Exchange<State extends RequestState = RequestState> {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly state: Pick<State, 'requestId' | 'record'>;
}

/** @template State what the service adds to the state of a request */
export type RequestContext<State extends RequestState = RequestState> = ParameterizedContext<
  State,
  DefaultContext
>;

/** Answers, or passes the request on. */
export type Handler<State extends RequestState = RequestState> = (
  ctx: RequestContext<State>,
  next: () => Promise<void>,
) => Promise<void> | void;

/** Answers. */
export type Endpoint<State extends RequestState = RequestState> = (
  ctx: RequestContext<State>,
) => Promise<void> | void;
