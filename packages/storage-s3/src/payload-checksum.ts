import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ChecksumAlgorithm } from '@aws-sdk/client-s3';

/**
 * How a request states the checksum of its payload: as `x-amz-checksum-crc32`, or as `Content-MD5`.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
 */
export type ChecksumKind = 'when_supported' | 'when_required';

export interface PayloadChecksum {
  readonly ChecksumCRC32?: string;
  readonly ContentMD5?: string;
}

export function checksumOf(payload: Uint8Array, kind: ChecksumKind): PayloadChecksum {
  switch (kind) {
    case 'when_supported': {
      const sum = Buffer.allocUnsafe(4);
      sum.writeUInt32BE(crc32(payload));
      return { ChecksumCRC32: sum.toString('base64') };
    }
    case 'when_required':
      return { ContentMD5: contentMd5(payload) };
  }
}

/** The parameter of CreateMultipartUpload that makes the store require the checksum of every part. */
export function announcedChecksum(kind: ChecksumKind): { readonly ChecksumAlgorithm?: ChecksumAlgorithm } {
  return kind === 'when_supported' ? { ChecksumAlgorithm: ChecksumAlgorithm.CRC32 } : {};
}

/** The value of a Content-MD5 header (RFC 1864). */
export function contentMd5(payload: Uint8Array | string): string {
  return createHash('md5').update(payload).digest('base64');
}
