import { headerText } from './http-headers.ts';
import type { HttpHeaders } from './http-headers.ts';

/** A SHA-256 that the bytes must have, and who says so. */
export interface ExpectedDigest {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly statedBy: string;
}

/** `text` where it is a SHA-256 in hex, in lower case. */
export function sha256Hex(text: string | null): string | null {
  return text !== null && /^[0-9A-Fa-f]{64}$/.test(text) ? text.toLowerCase() : null;
}

/** The SHA-256 of a Repr-Digest field (RFC 9530 section 3) as hex; `null` where it holds none. */
export function reprDigestSha256(field: string | null): string | null {
  const base64 = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(field ?? '')?.[1];
  return base64 === undefined ? null : Buffer.from(base64, 'base64').toString('hex');
}

/**
 * The digest to hold the bytes to: the user's, else the mirror's, else what the answer that carries the bytes states.
 * Only a copy's metadata is the mirror's own; an origin's may mean something else.
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
