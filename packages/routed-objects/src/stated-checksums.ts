import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { UploadError } from './upload-error.ts';

/** Computes one digest of a body. */
interface Digest {
  update(chunk: Uint8Array): void;
  digest(): Promise<Uint8Array> | Uint8Array;
}

interface Algorithm {
  readonly bytes: number;
  readonly create: () => Promise<Digest> | Digest;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html */
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  'content-md5': { bytes: 16, create: () => hashOf('md5') },
  'x-amz-checksum-sha1': { bytes: 20, create: () => hashOf('sha1') },
  'x-amz-checksum-sha256': { bytes: 32, create: () => hashOf('sha256') },
  'x-amz-checksum-crc32': { bytes: 4, create: () => crc32Digest() },
  'x-amz-checksum-crc32c': {
    bytes: 4,
    create: async () => new (await import('@aws-sdk/checksums/crc')).Crc32c(),
  },
  'x-amz-checksum-crc64nvme': {
    bytes: 8,
    create: async () => new (await import('@aws-sdk/checksums/crc')).Crc64Nvme(),
  },
};

/** Headers about checksums that state none. */
const WITHOUT_VALUE: ReadonlySet<string> = new Set([
  'x-amz-checksum-algorithm',
  'x-amz-checksum-mode',
  'x-amz-checksum-type',
]);

interface StatedChecksum {
  readonly header: string;
  readonly stated: Uint8Array;
  readonly digest: Digest;
}

/** The checksums that a request states for its body, computed while the body arrives. */
export class StatedChecksums {
  readonly #checks: readonly StatedChecksum[];

  private constructor(checks: readonly StatedChecksum[]) {
    this.#checks = checks;
  }

  /**
   * @param headers with names in lower case: `content-md5`, `x-amz-checksum-*` and `x-amz-content-sha256` count
   * @throws UploadError `checksum_malformed`
   */
  static async of(headers: Readonly<Record<string, string>>): Promise<StatedChecksums> {
    const checks: StatedChecksum[] = [];
    for (const [header, value] of Object.entries(headers)) {
      if (header === 'x-amz-content-sha256' && /^[0-9a-f]{64}$/.test(value)) {
        checks.push({ header, stated: Buffer.from(value, 'hex'), digest: hashOf('sha256') });
        continue;
      }
      const isChecksum = header === 'content-md5' || header.startsWith('x-amz-checksum-');
      if (!isChecksum || WITHOUT_VALUE.has(header)) continue;
      const algorithm = Object.hasOwn(ALGORITHMS, header) ? ALGORITHMS[header] : undefined;
      if (algorithm === undefined)
        throw new UploadError('checksum_malformed', `this store does not know the checksum ${header}`);
      const stated = Buffer.from(value, 'base64');
      if (stated.length !== algorithm.bytes || stated.toString('base64') !== value)
        throw new UploadError('checksum_malformed', `${header} is not ${algorithm.bytes} bytes in base64`);
      checks.push({ header, stated, digest: await algorithm.create() });
    }
    return new StatedChecksums(checks);
  }

  update(chunk: Uint8Array): void {
    for (const { digest } of this.#checks) digest.update(chunk);
  }

  /** @throws UploadError `checksum_mismatch` */
  async verify(): Promise<void> {
    for (const { header, stated, digest } of this.#checks)
      if (Buffer.compare(await digest.digest(), stated) !== 0)
        throw new UploadError('checksum_mismatch', `the body does not match its ${header}`);
  }
}

function hashOf(name: string): Digest {
  const hash = createHash(name);
  return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest() };
}

function crc32Digest(): Digest {
  let value = 0;
  return {
    update: (chunk) => {
      value = crc32(chunk, value);
    },
    digest: () => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return bytes;
    },
  };
}
