import { urlSha256 } from '@cloud-mirror/mirrored-objects';
import type { RequestRecord } from '../request-record.ts';

const MAX_LOGGED_PATH = 512;
/** Longer than any configured name. A client may send any name, so longer ones are cut. */
const MAX_LOGGED_NAME = 64;

/**
 * Records the loggable facts about an object. The query of its URL may contain credentials and is left out.
 * @param sha256 the digest of the URL, if it is already known
 */
export function recordObject(
  record: RequestRecord,
  service: string,
  region: string,
  url: URL,
  sha256: string = urlSha256(url.href),
): void {
  recordBackend(record, service, region);
  record.sha256 = sha256;
  record.host = url.host;
  record.path = url.pathname.slice(0, MAX_LOGGED_PATH);
}

/** Records the back end that a client named, which may not exist. */
export function recordBackend(record: RequestRecord, service?: string, region?: string): void {
  if (service !== undefined) record.service = service.slice(0, MAX_LOGGED_NAME);
  if (region !== undefined) record.region = region.slice(0, MAX_LOGGED_NAME);
}
