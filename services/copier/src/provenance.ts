import { hash } from 'node:crypto';
import { SENT_LENGTH_METADATA } from '@cloud-mirror/mirrored-objects';
import type { OriginObject } from '@cloud-mirror/origin';
import { imfFixdate } from './imf-fixdate.ts';

/** Stores allow 2 KB for all metadata, so a longer URL is truncated. */
const LONGEST_URL = 1024;

/**
 * The provenance of a copy, stored as its metadata for people who inspect the bucket. Names are in lower case.
 * The mirror reads {@link SENT_LENGTH_METADATA} again: an object of another length does not count as a copy.
 * @param copy.token identifies the worker's take in a form that may be public; see {@link publicToken}
 * @param copy.bytes the length of the body, once it has been read to its end
 */
export function provenance(
  source: OriginObject,
  copy: {
    readonly url: string;
    readonly token: string;
    readonly generation: string;
    readonly bytes?: number | null;
  },
): Record<string, string> {
  const sha256 = source.sha256();
  const sizeBytes = source.sizeBytes ?? copy.bytes ?? null;
  const lastModified = imfFixdate(source.lastModified ?? '');
  return {
    'upstream-url': copy.url.slice(0, LONGEST_URL),
    ...(source.etag === null ? {} : { 'upstream-etag': source.etag.slice(0, 256) }),
    ...(sizeBytes === null ? {} : { [SENT_LENGTH_METADATA]: String(sizeBytes) }),
    ...(lastModified === null ? {} : { 'upstream-last-modified': lastModified }),
    // Not known yet if the store needs the metadata before the bytes; the entry records it in any case.
    ...(sha256 === null ? {} : { sha256 }),
    'stored-at': new Date().toISOString(),
    hops: String(source.hops),
    token: copy.token,
    ...(copy.generation === '' ? {} : { generation: copy.generation }),
  };
}

/**
 * The public form of a lease's token: a hash, which still identifies the lease that made a copy. The token itself must
 * stay secret, because it authorizes writes to the entry, and anybody can read the metadata of a public bucket.
 */
export function publicToken(token: string): string {
  return hash('sha256', token).slice(0, 32);
}
