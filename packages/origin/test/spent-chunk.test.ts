import { describe, expect, test } from 'vitest';
import { freeSpentChunk } from '../src/spent-chunk.ts';

describe('the memory of a spent chunk', () => {
  test.each([
    ['the whole of a read', 0, 64],
    ['the end of a read that began with headers', 20, 64],
  ])('is freed where the chunk is %s', (_, from, to) => {
    const { buffer } = new Uint8Array(64);
    freeSpentChunk(new Uint8Array(buffer, from, to - from));
    expect(buffer.detached).toBe(true);
  });

  test.each([
    ['others follow in the same read', 0, 63],
    ['it may be a slice of a pool', 32, 64],
    ['it has no bytes', 64, 64],
  ])('is left alone where %s', (_, from, to) => {
    const { buffer } = new Uint8Array(64);
    freeSpentChunk(new Uint8Array(buffer, from, to - from));
    expect(buffer.detached).toBe(false);
  });

  test("is left alone in every place of Node's pool", () => {
    for (let count = 0; count < 100; count += 1) {
      const slice = Buffer.allocUnsafe((Buffer.poolSize >>> 1) - 1 - count);
      freeSpentChunk(slice);
      expect(slice.buffer.detached).toBe(false);
    }
  });
});
