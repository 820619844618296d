import type { StoredObject } from '@cloud-mirror/storage-provider';
import type { ObjectHead } from './object-head.ts';
import { decodeHeaders } from './stored-headers.ts';
import { decodeMetadata } from './stored-metadata.ts';

/** Metadata name under which a multipart upload says which one it was; no part of the metadata that callers see. */
export const UPLOAD_NONCE = 'upload-nonce';

export function toStoredObject(head: ObjectHead): StoredObject {
  const { [UPLOAD_NONCE]: _nonce, ...metadata } = decodeMetadata(head.Metadata);
  return {
    sizeBytes: head.ContentLength ?? null,
    etag: head.ETag ?? null,
    storedAt: head.LastModified ?? new Date(0),
    expiresAt: parseExpiration(head.Expiration),
    headers: decodeHeaders(head),
    metadata,
  };
}

/**
 * `expiry-date="Fri, 21 Dec 2012 00:00:00 GMT", rule-id="…"` of `x-amz-expiration`. Some stores send other texts in that
 * header (`NotImplemented`), so that nothing but the date is looked for.
 */
export function parseExpiration(expiration: string | undefined): Date | null {
  const text = /expiry-date="([^"]+)"/.exec(expiration ?? '')?.[1];
  if (text === undefined) return null;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? null : date;
}
