import { ConditionalWrites } from './conditional-writes.ts';
import type { ObjectCallsBesideSdk } from './object-calls-beside-sdk.ts';
import type { ChecksumKind } from './payload-checksum.ts';
import { PutVerification } from './put-verification.ts';
import { headObject } from './read-object.ts';
import { mayRefuseHeader, mayRefuseMetadata } from './refusals.ts';
import type { S3Calls } from './s3-calls.ts';
import type { S3Capabilities } from './s3-capabilities.ts';
import { withOrWithout } from './s3-capabilities.ts';
import type { S3StorageProviderOptions } from './s3-storage-provider-options.ts';
import { DEFAULT_PART_BYTES, DEFAULT_PARTS_IN_FLIGHT } from './s3-storage-provider-options.ts';
import { encodeMetadata, hasLongValues } from './stored-metadata.ts';
import { PartBuffers } from './upload-parts.ts';

/** The components and settings that all writes of one provider share. */
export interface Writing {
  readonly calls: S3Calls;
  readonly direct: ObjectCallsBesideSdk;
  readonly partBytes: number;
  readonly partsInFlight: number;
  readonly checksums: ChecksumKind;
  readonly capabilities: S3Capabilities;
  readonly conditions: ConditionalWrites;
  readonly buffers: PartBuffers;
  readonly verification: PutVerification;
}

export function createWriting(
  options: S3StorageProviderOptions,
  { calls, direct, capabilities }: Pick<Writing, 'calls' | 'direct' | 'capabilities'>,
): Writing {
  const partBytes = options.partBytes ?? DEFAULT_PART_BYTES;
  const partsInFlight = options.partsInFlight ?? DEFAULT_PARTS_IN_FLIGHT;
  return {
    calls,
    direct,
    partBytes,
    partsInFlight,
    checksums: options.checksums ?? 'when_supported',
    capabilities,
    conditions: new ConditionalWrites(capabilities, (key, call) => headObject(calls, key, call)),
    buffers: new PartBuffers(partBytes, partsInFlight + 1),
    verification: new PutVerification(calls),
  };
}

/** The form of a request that creates an object, which depends on the capabilities of the store. */
export interface WriteForm {
  readonly checksums: ChecksumKind;
  readonly metadata: Record<string, string>;
}

/** Sends a request with all features that the store is not known to lack; see {@link withOrWithout}. */
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

/** Sends a request with the configured checksum, or with Content-MD5 if the store refuses checksum headers. */
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
