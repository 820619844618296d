import { headerText } from '../http-client.ts';
import type { HttpHeaders } from '../http-client.ts';

/** The SHA-256 that the bytes must have, and who stated it. */
export interface ExpectedDigest {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly statedBy: string;
}

/** `text` in lower case if it is a SHA-256 in hex; otherwise null. */
export function sha256Hex(text: string | null): string | null {
  return text !== null && /^[0-9A-Fa-f]{64}$/.test(text) ? text.toLowerCase() : null;
}

/** The SHA-256 in a Repr-Digest field (RFC 9530, section 3) as hex; null if there is none. */
export function reprDigestSha256(field: string | null): string | null {
  const base64 = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(field ?? '')?.[1];
  return base64 === undefined ? null : Buffer.from(base64, 'base64').toString('hex');
}

/**
 * The digest that the bytes must match: the user's, else the mirror's, else the one in the response with the bytes.
 * Reads `x-amz-meta-sha256` only from a copy, for which the mirror sets it; an origin may use it for something else.
 */
export function expectedDigest(
  given: string | null,
  answer: { readonly source: 'copy' | 'origin'; readonly sha256: string | null },
  headers: HttpHeaders,
): ExpectedDigest | null {
  const candidates: readonly (readonly [string | null, string])[] = [
    [given, '--sha256'],
    [answer.sha256, 'the mirror'],
    [reprDigestSha256(headerText(headers['repr-digest'])), 'Repr-Digest'],
    [
      answer.source === 'copy' ? sha256Hex(headerText(headers['x-amz-meta-sha256'])) : null,
      "the copy's metadata",
    ],
  ];
  for (const [sha256, statedBy] of candidates) if (sha256 !== null) return { sha256, statedBy };
  return null;
}
