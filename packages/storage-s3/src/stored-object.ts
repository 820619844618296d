import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import type { StoredObject, ObjectHeaders } from '@cloud-mirror/storage-provider';
import { storableHeaders } from '@cloud-mirror/storage-provider';
import { decodeMetadata } from './stored-metadata.ts';

/** What is read of an answer, by the SDK's names. */
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

/** The headers of a PUT, by the SDK's names. */
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
 * What {@link storableHeaders} leaves, each as received where it is ASCII. Other characters cannot be signed: they are
 * written in ASCII as far as that goes.
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

/** The headers of a stored object as the SDK gives them. */
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
 * A `filename` that is not ASCII is said twice, as RFC 6266 section 4.3 wants it: in ASCII for old clients, and as
 * `filename*` in the encoding of RFC 8187. A `filename*` that is there already stays.
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

/** RFC 8187, section 3.2.1: what is no attr-char is percent-encoded UTF-8. */
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

/** Header bytes usually arrive decoded as Latin-1; most senders meant UTF-8. */
function asUtf8(text: string): string {
  if (/[^\x00-\xff]/.test(text)) return text;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'));
  } catch {
    return text;
  }
}
