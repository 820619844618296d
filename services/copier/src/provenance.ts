import { hash } from 'node:crypto';
import { SENT_LENGTH_METADATA } from '@cloud-mirror/mirrored-objects';
import type { OriginObject } from '@cloud-mirror/origin';
import { imfFixdate } from './imf-fixdate.ts';

/** Stores leave 2 KB for all metadata. A longer URL is cut: the rest of it is of no use, its beginning says where to look. */
const LONGEST_URL = 1024;

/**
 * Where a copy came from: stored as its metadata, for people who look into the bucket. Names are in lower case.
 * {@link SENT_LENGTH_METADATA} is read again: an object of another length is no copy.
 * @param copy.token names the worker's take, in a form that everybody may read: see {@link publicToken}
 * @param copy.bytes of the body, once it was read to its end
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
    // Not known yet where the store wants metadata before the bytes; the entry has it all the same.
    ...(sha256 === null ? {} : { sha256 }),
    'stored-at': new Date().toISOString(),
    hops: String(source.hops),
    token: copy.token,
    ...(copy.generation === '' ? {} : { generation: copy.generation }),
  };
}

/**
 * A lease's token as objects name it. Whoever knows a token may write the entry that holds it, and everybody may read
 * the metadata of a public bucket; the hash still tells which lease made a copy.
 */
export function publicToken(token: string): string {
  return hash('sha256', token).slice(0, 32);
}
