import type * as http from '@cloud-mirror/http-service';

/** What the log line and the metrics of a front end's request say. */
export interface RequestRecord extends http.RequestRecord {
  service?: string;
  region?: string;
  /** SHA-256 of the origin URL. */
  sha256?: string;
  /** Of the origin URL. */
  host?: string;
  /** Of the origin URL, without its query. */
  path?: string;
}

export interface RequestState extends http.RequestState {
  /** The entry of the object was looked for since the request arrived, and there was none. */
  missing: boolean;
  record: RequestRecord;
}

/** What is known of a request before the application gets it. */
export type Arrival = Pick<RequestState, 'arrivedAtMs' | 'missing'>;

export type RequestContext = http.RequestContext<RequestState>;
export type Handler = http.Handler<RequestState>;
export type Endpoint = http.Endpoint<RequestState>;
export type Exchange = http.Exchange<RequestState>;
