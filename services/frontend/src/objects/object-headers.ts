import { storableHeaders, type StoredObject } from '@cloud-mirror/storage-provider';

/**
 * The headers of a copy that this host serves. Strangers control the bytes, so browsers must neither sniff their type
 * nor run them with the rights of this host's origin.
 */
export function objectHeaders(object: StoredObject): Record<string, string> {
  const { etag, metadata } = object;
  // Earlier versions stored the origin's headers unfiltered.
  const headers = storableHeaders(object.headers);
  const given: Record<string, string | null | undefined> = {
    'Content-Type': headers.contentType,
    'Content-Encoding': headers.contentEncoding,
    'Content-Disposition': object.headers.contentDisposition,
    'Content-Language': headers.contentLanguage,
    // Without the origin's Cache-Control, caches must revalidate, because a purge may change the copy.
    'Cache-Control': headers.cacheControl ?? (headers.expires === undefined ? 'private, no-cache' : null),
    Expires: headers.expires,
    ETag: etag,
    'Repr-Digest': reprDigest(metadata['sha256']),
  };
  return {
    ...sendable(given),
    'Last-Modified': lastModified(object).date.toUTCString(),
    'Accept-Ranges': 'bytes',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
  };
}

/**
 * The origin's `Last-Modified`, or else the time at which the copy was stored. The origin's date is a weak validator,
 * because the bytes may have changed twice within its second (RFC 9110, section 8.8.2.2).
 */
export function lastModified({ metadata, storedAt }: StoredObject): {
  readonly date: Date;
  readonly strong: boolean;
} {
  const date = new Date(metadata['upstream-last-modified'] ?? Number.NaN);
  // A date later than the Date of the response must not be sent (section 8.8.2.1).
  if (Number.isNaN(date.getTime()) || date > storedAt) return { date: storedAt, strong: true };
  return { date, strong: false };
}

/** `Repr-Digest` (RFC 9530) of the stored bytes, which have the stored Content-Encoding. */
function reprDigest(sha256: string | undefined): string | null {
  if (sha256 === undefined || !/^[0-9a-f]{64}$/i.test(sha256)) return null;
  return `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`;
}

/** Leaves out values that are not valid in a header. Others are sent as received: Latin-1, one character per byte. */
function sendable(headers: Record<string, string | null | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      (header): header is [string, string] =>
        typeof header[1] === 'string' && /^[\t\x20-\x7e\x80-\xff]+$/.test(header[1]),
    ),
  );
}
