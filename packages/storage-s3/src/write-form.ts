import { mayRefuseHeader, mayRefuseMetadata } from './feature-refusal.ts';
import type { ChecksumKind } from './payload-checksum.ts';
import { withOrWithout } from './s3-capabilities.ts';
import type { Writing } from './writing.ts';
import { encodeMetadata, hasLongValues } from './stored-metadata.ts';

/** What a request that begins an object may say, depending on what the store takes. */
export interface WriteForm {
  readonly checksums: ChecksumKind;
  readonly metadata: Record<string, string>;
}

/** Sends a request in the fullest form that the store takes, so far as is known; see {@link withOrWithout}. */
export function inFormOf<T>(
  { capabilities, checksums }: Pick<Writing, 'capabilities' | 'checksums'>,
  metadata: Readonly<Record<string, string>>,
  send: (form: WriteForm) => Promise<T>,
): Promise<T> {
  const withMetadata = (kind: ChecksumKind): Promise<T> =>
    hasLongValues(metadata)
      ? withOrWithout(
          capabilities,
          'longMetadata',
          (longValues) => send({ checksums: kind, metadata: encodeMetadata(metadata, { longValues }) }),
          mayRefuseMetadata,
        )
      : send({ checksums: kind, metadata: encodeMetadata(metadata) });
  return withChecksums({ capabilities, checksums }, withMetadata);
}

/** Sends a request with the checksum that is configured, or with Content-MD5 where the store refuses other headers. */
export function withChecksums<T>(
  { capabilities, checksums }: Pick<Writing, 'capabilities' | 'checksums'>,
  send: (kind: ChecksumKind) => Promise<T>,
): Promise<T> {
  if (checksums === 'when_required') return send(checksums);
  return withOrWithout(
    capabilities,
    'checksumHeaders',
    (taken) => send(taken ? checksums : 'when_required'),
    mayRefuseHeader,
  );
}
