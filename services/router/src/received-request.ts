import type { RequestRecord, RequestState } from '@cloud-mirror/http-service';

export interface RouterRecord extends RequestRecord {
  /** The prefix of the route that matched. */
  prefix?: string;
  /** The name of the client's token. */
  token?: string;
}

/** One request, from its arrival to the end of its response. */
export interface ReceivedRequest extends RequestState {
  readonly record: RouterRecord;
}
