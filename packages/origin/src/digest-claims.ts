import type { ResponseHeaders } from './response-headers.ts';

export type DigestAlgorithm = 'md5' | 'sha1' | 'sha256' | 'sha512' | 'crc32' | 'crc32c';

/** A digest that the origin gave for the bytes it sends. */
export interface DigestClaim {
  /** The header field it came from, as messages name it. */
  readonly field: string;
  readonly algorithm: DigestAlgorithm;
  readonly value: Buffer;
  /**
   * The field does not say that it is a digest; it only looks like one. Such a claim proves bytes that agree with it, and
   * says little against bytes that do not.
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

/** Registered names that are checked; the rest of the registry (unixsum and the like) proves nothing. */
const REGISTERED: Readonly<Record<string, DigestAlgorithm>> = {
  md5: 'md5',
  sha: 'sha1',
  'sha-256': 'sha256',
  'sha-512': 'sha512',
  crc32c: 'crc32c',
};

/**
 * Every digest of the whole body that a 200's headers give. What cannot be read as one is not a claim.
 *
 * A CRC-32C is given only where nothing better is: it is computed in JavaScript and adds nothing to a hash.
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

/** RFC 3230: `SHA-256=…base64…`, names without regard to case. */
function legacyDigest(headers: ResponseHeaders): DigestClaim[] {
  return (headers.list('digest') ?? '').split(',').flatMap((member) => {
    const match = /^([A-Za-z0-9-]+)=([A-Za-z0-9+/=]+)$/.exec(member.trim());
    return match === null ? [] : claim('Digest', REGISTERED[match[1]?.toLowerCase() ?? ''], match[2]);
  });
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html; composite ones end in `-N`. */
function amazonChecksums(headers: ResponseHeaders): DigestClaim[] {
  if (headers.first('x-amz-checksum-type')?.toUpperCase() === 'COMPOSITE') return [];
  return (['sha256', 'sha1', 'crc32', 'crc32c'] as const).flatMap((algorithm) => {
    const name = `x-amz-checksum-${algorithm}`;
    return claim(name, algorithm, headers.first(name));
  });
}

/**
 * https://cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash: digests of what is stored, which is what
 * is sent only if nothing was decoded on the way.
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
 * S3 makes the entity tag an MD5 of the object where it was put in one piece and not under a KMS or customer key
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html), directory buckets excepted. Only an answer that
 * bears S3's request id is taken for one of S3, and none that was encoded, perhaps by a cache in between. Stores that
 * only resemble S3 (or objects of backups and migrations) have other tags of this form, so it stays a guess.
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
  // Buffer.from skips what is not base64; only a text that it would write itself is one.
  if (value.length !== LENGTHS[algorithm] || value.toString('base64') !== text) return [];
  return [{ field, algorithm, value }];
}
