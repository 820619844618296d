import { describe, expect, test } from 'vitest';
import { freeSpentChunk } from '../src/spent-chunk.ts';

describe('the memory of a spent chunk', () => {
  test.each([
    ['a whole socket read', 0, 64],
    ['the end of a read that began with headers', 20, 64],
  ])('is freed if the chunk is %s', (_, from, to) => {
    const { buffer } = new Uint8Array(64);
    freeSpentChunk(new Uint8Array(buffer, from, to - from));
    expect(buffer.detached).toBe(true);
  });

  test.each([
    ['other chunks follow in the same read', 0, 63],
    ['the chunk may be a slice of a pool', 32, 64],
    ['the chunk is empty', 64, 64],
  ])('is not freed if %s', (_, from, to) => {
    const { buffer } = new Uint8Array(64);
    freeSpentChunk(new Uint8Array(buffer, from, to - from));
    expect(buffer.detached).toBe(false);
  });

  test("is not freed at any position in Node's buffer pool", () => {
    for (let count = 0; count < 100; count += 1) {
      const slice = Buffer.allocUnsafe((Buffer.poolSize >>> 1) - 1 - count);
      freeSpentChunk(slice);
      expect(slice.buffer.detached).toBe(false);
    }
  });
});
