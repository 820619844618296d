import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { retryDelaySeconds } from '../src/retry-delay.ts';

const LIMITS = { first: 2, longest: 60 };

describe('the delay before a retry', () => {
  test.each([
    [0, 1, 2],
    [1, 2, 4],
    [2, 4, 8],
    [4, 16, 32],
    [5, 30, 60],
    [500, 30, 60],
  ])('after %d failures is from %d to %d seconds', (failures, least, most) => {
    expect(retryDelaySeconds(failures, LIMITS, () => 0)).toBe(least);
    expect(retryDelaySeconds(failures, LIMITS, () => 1)).toBe(most);
  });

  test('is a whole number of seconds, from 1 to the longest delay', () => {
    fc.assert(
      fc.property(
        fc.nat(10_000),
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 43_200 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (failures, first, longest, random) => {
          const delay = retryDelaySeconds(failures, { first, longest }, () => random);
          expect(Number.isSafeInteger(delay)).toBe(true);
          expect(delay).toBeGreaterThanOrEqual(1);
          expect(delay).toBeLessThanOrEqual(longest);
        },
      ),
    );
  });

  test('has jitter, so that jobs that failed together are not retried together', () => {
    const delays = Array.from({ length: 100 }, () => retryDelaySeconds(10, { first: 2, longest: 1000 }));
    expect(new Set(delays).size).toBeGreaterThan(1);
  });
});
