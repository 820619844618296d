import { urlSha256 } from '@cloud-mirror/mirrored-objects';
import type { RequestRecord } from '../request-context.ts';

const MAX_LOGGED_PATH = 512;
/** Names of the configuration are shorter; what a client made up in their place need not be logged whole. */
const MAX_LOGGED_NAME = 64;

/** What the log may say of an object: its query can be a credential and is left out. */
export function recordObject(record: RequestRecord, service: string, region: string, url: URL): void {
  recordBackend(record, service, region);
  record.sha256 = urlSha256(url.href);
  record.host = url.host;
  record.path = url.pathname.slice(0, MAX_LOGGED_PATH);
}

/** As a client named them: perhaps there is no such back end. */
export function recordBackend(record: RequestRecord, service?: string, region?: string): void {
  if (service !== undefined) record.service = service.slice(0, MAX_LOGGED_NAME);
  if (region !== undefined) record.region = region.slice(0, MAX_LOGGED_NAME);
}
