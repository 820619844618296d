import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Crc32c } from './crc32c.ts';
import type { DigestAlgorithm, DigestClaim } from './digest-claims.ts';

interface Digester {
  update(chunk: Uint8Array): void;
  digest(): Buffer;
}

/** Computes each claimed digest of a stream, and always its SHA-256. */
export class StreamDigests {
  readonly #claims: readonly DigestClaim[];
  readonly #digesters = new Map<DigestAlgorithm, Digester>();

  constructor(claims: readonly DigestClaim[]) {
    this.#claims = claims;
    this.#digesters.set('sha256', digester('sha256'));
    for (const { algorithm } of claims)
      if (!this.#digesters.has(algorithm)) this.#digesters.set(algorithm, digester(algorithm));
  }

  update(chunk: Uint8Array): void {
    for (const each of this.#digesters.values()) each.update(chunk);
  }

  /**
   * Finishes the digests. Call it once.
   * `broken` is the header field of the first claim that fails, or `null` if all hold. A failed guess is ignored if a
   * stated hash proves the bytes.
   */
  finish(): { readonly sha256: string; readonly broken: string | null } {
    const values = new Map([...this.#digesters].map(([algorithm, each]) => [algorithm, each.digest()]));
    const fails = ({ algorithm, value }: DigestClaim): boolean => !values.get(algorithm)?.equals(value);
    const firm = this.#claims.filter(({ guessed }) => guessed !== true);
    const proved = firm.some((claim) => claim.algorithm !== 'crc32c' && !fails(claim));
    const broken = firm.find(fails) ?? (proved ? undefined : this.#claims.find(fails));
    return { sha256: values.get('sha256')?.toString('hex') ?? '', broken: broken?.field ?? null };
  }
}

function digester(algorithm: DigestAlgorithm): Digester {
  switch (algorithm) {
    case 'md5':
    case 'sha1':
    case 'sha256':
    case 'sha512':
      return hashDigester(createHash(algorithm));
    case 'crc32': {
      let value = 0;
      return {
        update: (chunk) => {
          value = crc32(chunk, value);
        },
        digest: () => bigEndian(value),
      };
    }
    case 'crc32c': {
      const crc = new Crc32c();
      return {
        update: (chunk) => {
          crc.update(chunk);
        },
        digest: () => bigEndian(crc.digest()),
      };
    }
  }
}

function hashDigester(hash: Hash): Digester {
  return {
    update: (chunk) => {
      hash.update(chunk);
    },
    digest: () => hash.digest(),
  };
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
