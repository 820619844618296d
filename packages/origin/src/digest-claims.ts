import type { ResponseHeaders } from './response-headers.ts';

export type DigestAlgorithm = 'md5' | 'sha1' | 'sha256' | 'sha512' | 'crc32' | 'crc32c';

/** A digest that the origin sends with the bytes. */
export interface DigestClaim {
  /** The header field that it comes from, spelled as in messages. */
  readonly field: string;
  readonly algorithm: DigestAlgorithm;
  readonly value: Buffer;
  /**
   * The field is not defined as a digest but looks like one. A match proves the bytes; a mismatch proves little.
   */
  readonly guessed?: boolean;
}

const LENGTHS: Readonly<Record<DigestAlgorithm, number>> = {
  md5: 16,
  sha1: 20,
  sha256: 32,
  sha512: 64,
  crc32: 4,
  crc32c: 4,
};

/** The registered algorithms that are checked; the others (unixsum and the like) are too weak to prove anything. */
const REGISTERED: Readonly<Record<string, DigestAlgorithm>> = {
  md5: 'md5',
  sha: 'sha1',
  'sha-256': 'sha256',
  'sha-512': 'sha512',
  crc32c: 'crc32c',
};

/**
 * Reads every digest of the whole body from the headers of a 200. Malformed values are ignored.
 *
 * CRC-32C is returned only if there is nothing stronger: it is computed in JavaScript and adds nothing to a hash.
 */
export function digestClaims(headers: ResponseHeaders): readonly DigestClaim[] {
  const claims = [
    ...structured(headers, 'repr-digest', 'Repr-Digest'),
    ...structured(headers, 'content-digest', 'Content-Digest'),
    ...legacyDigest(headers),
    ...claim('Content-MD5', 'md5', headers.first('content-md5')),
    ...amazonChecksums(headers),
    ...googleHashes(headers),
    ...entityTag(headers),
  ];
  const hashes = claims.filter(({ algorithm }) => algorithm !== 'crc32c');
  return hashes.some(({ guessed }) => guessed !== true) ? hashes : claims;
}

/** RFC 9530: a dictionary of byte sequences, `sha-256=:…base64…:`. */
function structured(headers: ResponseHeaders, name: string, field: string): DigestClaim[] {
  return (headers.list(name) ?? '').split(',').flatMap((member) => {
    const match = /^([a-z0-9*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):(?:;.*)?$/.exec(member.trim());
    return match === null ? [] : claim(field, REGISTERED[match[1] ?? ''], match[2]);
  });
}

/** RFC 3230: `SHA-256=…base64…`, with case-insensitive names. */
function legacyDigest(headers: ResponseHeaders): DigestClaim[] {
  return (headers.list('digest') ?? '').split(',').flatMap((member) => {
    const match = /^([A-Za-z0-9-]+)=([A-Za-z0-9+/=]+)$/.exec(member.trim());
    return match === null ? [] : claim('Digest', REGISTERED[match[1]?.toLowerCase() ?? ''], match[2]);
  });
}

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html. A composite checksum is not a
 * digest of the bytes and ends in `-N`.
 */
function amazonChecksums(headers: ResponseHeaders): DigestClaim[] {
  if (headers.first('x-amz-checksum-type')?.toUpperCase() === 'COMPOSITE') return [];
  return (['sha256', 'sha1', 'crc32', 'crc32c'] as const).flatMap((algorithm) => {
    const name = `x-amz-checksum-${algorithm}`;
    return claim(name, algorithm, headers.first(name));
  });
}

/**
 * https://cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash: digests of the stored bytes. They hold for
 * the sent bytes only if the store did not decode (transcode) them.
 */
function googleHashes(headers: ResponseHeaders): DigestClaim[] {
  const stored = headers.first('x-goog-stored-content-encoding')?.toLowerCase();
  const sent = headers.list('content-encoding')?.toLowerCase() ?? 'identity';
  if (stored !== sent) return [];
  return (headers.list('x-goog-hash') ?? '').split(',').flatMap((member) => {
    const match = /^(md5|crc32c)=(.+)$/.exec(member.trim());
    return match === null ? [] : claim('x-goog-hash', REGISTERED[match[1] ?? ''], match[2]);
  });
}

/**
 * S3's entity tag is an MD5 of the object if it was uploaded by a single PUT and is not encrypted with a KMS or
 * customer key (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html); not so in directory buckets. An
 * answer counts as S3's if it has S3's request id, and if it is not content-encoded, perhaps by a cache in between.
 * S3-compatible stores, backups and migrations can produce other tags of this form, so the digest is only a guess.
 */
function entityTag(headers: ResponseHeaders): DigestClaim[] {
  const hex = /^"([0-9a-f]{32})"$/i.exec(headers.first('etag') ?? '')?.[1];
  const encryption = headers.first('x-amz-server-side-encryption');
  const isMd5 =
    headers.first('x-amz-request-id') !== null &&
    (encryption === null || encryption === 'AES256') &&
    headers.first('x-amz-server-side-encryption-customer-algorithm') === null &&
    headers.first('x-amz-storage-class') !== 'EXPRESS_ONEZONE' &&
    headers.first('content-encoding') === null;
  return hex === undefined || !isMd5
    ? []
    : [{ field: 'ETag', algorithm: 'md5', value: Buffer.from(hex, 'hex'), guessed: true }];
}

function claim(
  field: string,
  algorithm: DigestAlgorithm | undefined,
  base64: string | null | undefined,
): DigestClaim[] {
  if (algorithm === undefined || base64 === null || base64 === undefined) return [];
  const text = base64.trim();
  const value = Buffer.from(text, 'base64');
  // Buffer.from skips invalid characters, so the text is valid only if re-encoding gives the same text.
  if (value.length !== LENGTHS[algorithm] || value.toString('base64') !== text) return [];
  return [{ field, algorithm, value }];
}
