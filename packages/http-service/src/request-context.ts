import type { DefaultContext, ParameterizedContext } from 'koa';

/**
 * The facts about a request for its log line and the metrics. Handlers fill them in, and each service adds its own
 * fields.
 */
export interface RequestRecord {
  /** The name of the route; `unknown` until one matches. Never a path, because paths contain URLs. */
  route: string;
  outcome?: string;
  /** The name of the operator's token. */
  operator?: string;
}

/** The state of one request, created when it arrives. Each service adds its own fields. */
export interface RequestState {
  requestId: string;
  /** `performance.now()` when the request arrived. */
  arrivedAtMs: number;
  record: RequestRecord;
}

/** @template State the state of a request with the fields of the service */
export type RequestContext<State extends RequestState = RequestState> = ParameterizedContext<
  State,
  DefaultContext
>;

/** Answers the request or calls `next`. */
export type Handler<State extends RequestState = RequestState> = (
  ctx: RequestContext<State>,
  next: () => Promise<void>,
) => Promise<void> | void;

/** Always answers. */
export type Endpoint<State extends RequestState = RequestState> = (
  ctx: RequestContext<State>,
) => Promise<void> | void;
