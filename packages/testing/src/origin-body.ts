import { createHash } from 'node:crypto';

/** The bytes of an origin object, readable from any position and of any size. */
export interface OriginBody {
  readonly sizeBytes: number;
  /** Bytes `start` to `endExclusive`, in chunks of at most 64 KiB. */
  read(start: number, endExclusive: number): Iterable<Uint8Array>;
}

const BLOCK_BYTES = 65_536;

/**
 * Pseudo-random bytes that depend only on `seed` and their position. They are incompressible, and no two blocks are
 * equal, so that a shifted or duplicated block is noticed. Uses constant memory. A smaller body is a prefix of a larger
 * one with the same seed.
 */
export function patternedBody(seed: number, sizeBytes: number): OriginBody {
  return {
    sizeBytes,
    *read(start, endExclusive) {
      const end = Math.min(endExclusive, sizeBytes);
      let at = start;
      while (at < end) {
        const index = Math.floor(at / BLOCK_BYTES);
        const from = at - index * BLOCK_BYTES;
        const to = Math.min(BLOCK_BYTES, end - index * BLOCK_BYTES);
        yield block(seed, index).subarray(from, to);
        at += to - from;
      }
    },
  };
}

/** Marsaglia's xorshift32, seeded for each block with the seed and the block's index. */
function block(seed: number, index: number): Uint8Array {
  const words = new Uint32Array(BLOCK_BYTES / 4);
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca77)) >>> 0 || 1;
  for (let i = 0; i < words.length; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer);
}

export function fixedBody(bytes: Uint8Array): OriginBody {
  return {
    sizeBytes: bytes.length,
    *read(start, endExclusive) {
      const end = Math.min(endExclusive, bytes.length);
      for (let at = start; at < end; at += BLOCK_BYTES) {
        yield bytes.subarray(at, Math.min(at + BLOCK_BYTES, end));
      }
    },
  };
}

/** The first `sizeBytes` of a body. */
export function bytesOf(body: OriginBody, sizeBytes: number = body.sizeBytes): Buffer {
  return Buffer.concat([...body.read(0, sizeBytes)]);
}

export function digestOf(body: OriginBody, algorithm: 'md5' | 'sha256', encoding: 'hex' | 'base64'): string {
  const hash = createHash(algorithm);
  for (const chunk of body.read(0, body.sizeBytes)) hash.update(chunk);
  return hash.digest(encoding);
}
