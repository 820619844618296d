import type { StoredObject } from '@cloud-mirror/storage-provider';

/**
 * Headers of a copy served from this host. What the bytes are is for strangers to say: nothing may be sniffed, and a
 * browser that shows them gives them no rights of this host.
 */
export function objectHeaders({ headers, etag, storedAt, metadata }: StoredObject): Record<string, string> {
  const given: Record<string, string | null | undefined> = {
    'Content-Type': headers.contentType,
    'Content-Encoding': headers.contentEncoding,
    'Content-Disposition': headers.contentDisposition,
    'Content-Language': headers.contentLanguage,
    ETag: etag,
    'Repr-Digest': reprDigest(metadata['sha256']),
  };
  return {
    ...sendable(given),
    'Last-Modified': storedAt.toUTCString(),
    'Accept-Ranges': 'bytes',
    // A purge changes what is here: caches may keep it, and have to ask.
    'Cache-Control': 'private, no-cache',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
    'Referrer-Policy': 'no-referrer',
  };
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
