import { ConditionalWrites } from './conditional-writes.ts';
import { headObject } from './head-object.ts';
import { PartBuffers } from './part-buffers.ts';
import type { ChecksumKind } from './payload-checksum.ts';
import { PutVerification } from './put-verification.ts';
import type { S3Calls } from './s3-calls.ts';
import type { S3Capabilities } from './s3-capabilities.ts';
import type { S3StorageProviderOptions } from './s3-storage-provider-options.ts';
import { DEFAULT_PART_BYTES, DEFAULT_PARTS_IN_FLIGHT } from './s3-storage-provider-options.ts';
import type { ObjectCallsBesideSdk } from './object-calls-beside-sdk.ts';

/** What all writes of one provider share. */
export interface Writing {
  readonly calls: S3Calls;
  readonly beside: ObjectCallsBesideSdk;
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
  { calls, beside, capabilities }: Pick<Writing, 'calls' | 'beside' | 'capabilities'>,
): Writing {
  const partBytes = options.partBytes ?? DEFAULT_PART_BYTES;
  const partsInFlight = options.partsInFlight ?? DEFAULT_PARTS_IN_FLIGHT;
  return {
    calls,
    beside,
    partBytes,
    partsInFlight,
    checksums: options.checksums ?? 'when_supported',
    capabilities,
    conditions: new ConditionalWrites(capabilities, (key, call) => headObject(calls, key, call)),
    buffers: new PartBuffers(partBytes, partsInFlight + 1),
    verification: new PutVerification(calls),
  };
}
