import type * as http from '@cloud-mirror/http-service';
import type { LoggedRecord } from '@cloud-mirror/http-service';
import type { Tally } from './machines/metrics.ts';
import type { ParsedCall } from './parsed-call.ts';
import type { RequestRecord } from './request-record.ts';

/** The log record and the counters of a hit, prepared once for all hits on one object. */
export interface HitReport {
  readonly logged: LoggedRecord;
  readonly tally: Tally;
}

/**
 * One request, from its arrival to the end of its response. The pipeline creates it, and the application's handlers get
 * the same object as `ctx.state`.
 */
export class ReceivedRequest implements http.RequestState {
  readonly requestId: string;
  readonly arrivedAtMs: number;
  readonly call: ParsedCall;
  readonly record: RequestRecord = { route: 'unknown' };
  /** Whether the entry was read for this request, and there was none. */
  missing = false;
  /** Set when the response to a remembered hit is sent. It then replaces `record`. */
  hit: HitReport | null = null;

  constructor(requestId: string, arrivedAtMs: number, call: ParsedCall) {
    this.requestId = requestId;
    this.arrivedAtMs = arrivedAtMs;
    this.call = call;
  }
}

export type RequestContext = http.RequestContext<ReceivedRequest>;
export type Handler = http.Handler<ReceivedRequest>;
export type Endpoint = http.Endpoint<ReceivedRequest>;
