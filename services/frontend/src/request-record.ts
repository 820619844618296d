import type * as http from '@cloud-mirror/http-service';

/** The facts about a front end's request for its log line and the metrics. */
export interface RequestRecord extends http.RequestRecord {
  service?: string;
  region?: string;
  /** The SHA-256 of the origin URL. */
  sha256?: string;
  /** The host of the origin URL. */
  host?: string;
  /** The path of the origin URL, without its query. */
  path?: string;
}
