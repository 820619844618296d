import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DefaultContext, ParameterizedContext } from 'koa';
import type { RequestTarget } from './request-target.ts';

/** What the log line and the metrics of a request say; handlers fill in what they learn. */
export interface RequestRecord {
  /** Name of the route, `unknown` until one matched. Never a path: paths hold URLs. */
  route: string;
  outcome?: string;
  service?: string;
  region?: string;
  /** SHA-256 of the origin URL. */
  sha256?: string;
  /** Of the origin URL. */
  host?: string;
  /** Of the origin URL, without its query. */
  path?: string;
  /** Name of the operator's token. */
  operator?: string;
}

export interface RequestState {
  requestId: string;
  /** `performance.now()` when the request arrived. */
  arrivedAtMs: number;
  /** The entry of the object was looked for since, and there was none. */
  missing: boolean;
  target: RequestTarget;
  record: RequestRecord;
}

/** What logs and metrics see of a request. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly state: Pick<RequestState, 'requestId' | 'record'>;
}

export type RequestContext = ParameterizedContext<RequestState, DefaultContext>;

/** Answers, or passes the request on. */
export type Handler = (ctx: RequestContext, next: () => Promise<void>) => Promise<void> | void;

/** Answers. */
export type Endpoint = (ctx: RequestContext) => Promise<void> | void;
