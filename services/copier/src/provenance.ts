import type { OriginObject } from '@cloud-mirror/origin';

/** Room that S3 leaves for all metadata is 2 KB; an URL that is longer is of no use cut, but tells where to look. */
const LONGEST_URL = 1024;

/** Where a copy came from: stored as its metadata, for people who look into the bucket. Names are in lower case. */
export function provenance(
  source: OriginObject,
  copy: { readonly url: string; readonly token: string; readonly generation: string },
): Record<string, string> {
  const sha256 = source.sha256();
  return {
    'upstream-url': copy.url.slice(0, LONGEST_URL),
    ...(source.etag === null ? {} : { 'upstream-etag': source.etag.slice(0, 256) }),
    ...(source.sizeBytes === null ? {} : { 'upstream-content-length': String(source.sizeBytes) }),
    // Not known yet where the store wants metadata before the bytes; the entry has it all the same.
    ...(sha256 === null ? {} : { sha256 }),
    'stored-at': new Date().toISOString(),
    hops: String(source.hops),
    token: copy.token,
    ...(copy.generation === '' ? {} : { generation: copy.generation }),
  };
}
