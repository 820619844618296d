import { urlSha256 } from '@cloud-mirror/cache-manager';
import type { RequestRecord } from '../http/request-context.ts';

const MAX_LOGGED_PATH = 512;

/** What the log may say of an object: its query can be a credential and is left out. */
export function recordObject(record: RequestRecord, service: string, region: string, url: URL): void {
  record.service = service;
  record.region = region;
  record.sha256 = urlSha256(url.href);
  record.host = url.host;
  record.path = url.pathname.slice(0, MAX_LOGGED_PATH);
}
