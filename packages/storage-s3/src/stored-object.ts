import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import type { StoredObject, ObjectHeaders } from '@cloud-mirror/storage-provider';
import { storableHeaders } from '@cloud-mirror/storage-provider';
import { decodeMetadata } from './stored-metadata.ts';

/** The parts of an answer that are used, with the SDK's names. */
export type ObjectHead = Pick<
  HeadObjectCommandOutput,
  | 'ContentDisposition'
  | 'ContentEncoding'
  | 'ContentLanguage'
  | 'ContentLength'
  | 'ContentType'
  | 'CacheControl'
  | 'ETag'
  | 'Expiration'
  | 'ExpiresString'
  | 'LastModified'
  | 'Metadata'
>;

/** The metadata name of a nonce that identifies the multipart upload of an object. Hidden from callers. */
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
 * Parses the header `x-amz-expiration`: `expiry-date="Fri, 21 Dec 2012 00:00:00 GMT", rule-id="…"`. Some stores send other
 * texts in that header (`NotImplemented`), so everything except the date is ignored.
 */
export function parseExpiration(expiration: string | undefined): Date | null {
  const text = /expiry-date="([^"]+)"/.exec(expiration ?? '')?.[1];
  if (text === undefined) return null;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** The headers of a PUT, with the SDK's names. */
export interface StoredHeaders {
  readonly ContentType: string;
  readonly ContentEncoding?: string;
  readonly ContentDisposition?: string;
  readonly ContentLanguage?: string;
  readonly CacheControl?: string;
  readonly Expires?: Date;
}

const PLAIN = /^[\x20-\x7e]*$/;

/**
 * Encodes the headers that {@link storableHeaders} keeps. ASCII values stay as received. Other characters cannot be
 * signed, so they are replaced or encoded in ASCII.
 */
export function encodeHeaders(headers: ObjectHeaders): StoredHeaders {
  const storable = storableHeaders({ ...headers, contentType: toAscii(headers.contentType) });
  const { contentType, contentEncoding, contentDisposition, contentLanguage } = storable;
  const { cacheControl, expires } = storable;
  return {
    ContentType: contentType,
    ...(contentEncoding ? { ContentEncoding: contentEncoding } : {}),
    ...(contentDisposition ? { ContentDisposition: encodeDisposition(contentDisposition) } : {}),
    ...(contentLanguage ? { ContentLanguage: contentLanguage } : {}),
    ...(cacheControl ? { CacheControl: cacheControl } : {}),
    ...(expires ? { Expires: new Date(expires) } : {}),
  };
}

/** Converts the headers of a stored object from the SDK's names. */
export function decodeHeaders(stored: {
  readonly ContentType?: string | undefined;
  readonly ContentEncoding?: string | undefined;
  readonly ContentDisposition?: string | undefined;
  readonly ContentLanguage?: string | undefined;
  readonly CacheControl?: string | undefined;
  readonly ExpiresString?: string | undefined;
}): ObjectHeaders {
  return {
    contentType: stored.ContentType ?? 'application/octet-stream',
    contentEncoding: stored.ContentEncoding || undefined,
    contentDisposition: stored.ContentDisposition,
    contentLanguage: stored.ContentLanguage,
    cacheControl: stored.CacheControl,
    expires: stored.ExpiresString,
  };
}

/**
 * Sends a `filename` that is not ASCII twice (RFC 6266, section 4.3): in ASCII for old clients, and as `filename*` in the
 * encoding of RFC 8187. An existing `filename*` is kept.
 */
function encodeDisposition(received: string): string {
  if (PLAIN.test(received)) return received;
  const text = asUtf8(received);
  const match = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))/is.exec(text);
  const ascii = toAscii(text);
  const name = match?.[1]?.replace(/\\(.)/gs, '$1') ?? match?.[2]?.trim();
  if (name === undefined || PLAIN.test(name) || /;\s*filename\*\s*=/i.test(text)) return ascii;
  return `${ascii}; filename*=UTF-8''${encodeExtended(name)}`;
}

/** Percent-encodes all characters except attr-char (RFC 8187, section 3.2.1). */
function encodeExtended(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function toAscii(text: string): string {
  return PLAIN.test(text)
    ? text
    : asUtf8(text)
        .replace(/[\x00-\x1f\x7f]/g, ' ')
        .replace(/[^\x20-\x7e]/gu, '_');
}

/** Header bytes usually arrive decoded as Latin-1, although most senders use UTF-8. */
function asUtf8(text: string): string {
  if (/[^\x00-\xff]/.test(text)) return text;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'));
  } catch {
    return text;
  }
}
