import type { DefaultContext, ParameterizedContext } from 'koa';

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

/** What is known of one request, made when it arrives. Each service adds its own fields. */
export interface RequestState {
  requestId: string;
  /** `performance.now()` when the request arrived. */
  arrivedAtMs: number;
  record: RequestRecord;
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
