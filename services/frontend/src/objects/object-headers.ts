import { storableHeaders, type StoredObject } from '@cloud-mirror/storage-provider';

/**
 * Headers of a copy served from this host. What the bytes are is for strangers to say: nothing may be sniffed, and a
 * browser that shows them gives them no rights of this host.
 */
export function objectHeaders(object: StoredObject): Record<string, string> {
  const { etag, metadata } = object;
  // Copies that an earlier version stored have the origin's headers unfiltered.
  const headers = storableHeaders(object.headers);
  const given: Record<string, string | null | undefined> = {
    'Content-Type': headers.contentType,
    'Content-Encoding': headers.contentEncoding,
    'Content-Disposition': object.headers.contentDisposition,
    'Content-Language': headers.contentLanguage,
    // Without the origin's: a purge changes what is here, so caches may keep it and have to ask.
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
  };
}

/**
 * The origin's `Last-Modified`, else when the copy was stored. Nobody vouches that the origin's bytes changed once at
 * most in its second, so that date is a weak validator (RFC 9110, section 8.8.2.2).
 */
export function lastModified({ metadata, storedAt }: StoredObject): {
  readonly date: Date;
  readonly strong: boolean;
} {
  const date = new Date(metadata['upstream-last-modified'] ?? Number.NaN);
  // A date after that of the answer must not be sent (section 8.8.2.1).
  if (Number.isNaN(date.getTime()) || date > storedAt) return { date: storedAt, strong: true };
  return { date, strong: false };
}

/** RFC 9530; of the bytes as stored, which have the stored Content-Encoding. */
function reprDigest(sha256: string | undefined): string | null {
  if (sha256 === undefined || !/^[0-9a-f]{64}$/i.test(sha256)) return null;
  return `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`;
}

/** What was received is Latin-1, one character a byte, and goes out the same; what no header can hold is left out. */
function sendable(headers: Record<string, string | null | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      (header): header is [string, string] =>
        typeof header[1] === 'string' && /^[\t\x20-\x7e\x80-\xff]+$/.test(header[1]),
    ),
  );
}
