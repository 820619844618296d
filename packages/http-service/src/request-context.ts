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

/** Answers the request or calls `next`. */
export type Handler<State extends RequestState = RequestState> = (
  ctx: RequestContext<State>,
  next: () => Promise<void>,
) => Promise<void> | void;

/** Always answers. */
export type Endpoint<State extends RequestState = RequestState> = (
  ctx: RequestContext<State>,
) => Promise<void> | void;
