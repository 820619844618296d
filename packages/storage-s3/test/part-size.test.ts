import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MOST_PARTS, partsAtOnce, partSize } from '../src/upload-parts.ts';

const MIB = 1024 * 1024;
const LARGEST_OBJECT = 5 * 1024 * 1024 * MIB;
const LARGEST_PART = 5 * 1024 * MIB;

describe('parts of an upload', () => {
  it('hold an object of any known length in 10,000 equal parts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: LARGEST_OBJECT }),
        fc.integer({ min: 5 * MIB, max: 100 * MIB }),
        (sizeBytes, partBytes) => {
          const size = partSize(1, sizeBytes, partBytes);
          expect(size).toBeGreaterThanOrEqual(partBytes);
          expect(size).toBeLessThanOrEqual(LARGEST_PART);
          expect(size * MOST_PARTS).toBeGreaterThanOrEqual(sizeBytes);
          expect(partSize(MOST_PARTS, sizeBytes, partBytes)).toBe(size);
        },
      ),
    );
  });

  it('hold the largest object of unknown length in 10,000 parts', () => {
    let sum = 0;
    let last = 0;
    for (let number = 1; number <= MOST_PARTS; number++) {
      const size = partSize(number, null, 5 * MIB);
      expect(size).toBeGreaterThanOrEqual(last);
      sum += size;
      last = size;
    }
    expect(sum).toBeGreaterThanOrEqual(LARGEST_OBJECT);
    expect(last).toBeLessThanOrEqual(LARGEST_PART);
    expect(partSize(1, null, 5 * MIB)).toBe(5 * MIB);
  });

  it('are sent with less concurrency as they grow', () => {
    expect(partsAtOnce(8 * MIB, 8 * MIB, 4)).toBe(4);
    expect(partsAtOnce(16 * MIB, 8 * MIB, 4)).toBe(2);
    expect(partsAtOnce(500 * MIB, 8 * MIB, 4)).toBe(1);
  });
});
