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
