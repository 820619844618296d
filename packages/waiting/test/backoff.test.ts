import { describe, expect, test } from 'vitest';
import { backoff, jittered } from '../src/backoff.ts';

const LIMITS = { first: 50, longest: 2_000 };

describe('the delay before a retry', () => {
  test.each([
    [0, 25, 50],
    [1, 50, 100],
    [5, 800, 1_600],
    [6, 1_000, 2_000],
    [10_000, 1_000, 2_000],
    [Infinity, 1_000, 2_000],
  ])('after %d failures is from %d to %d', (failures, least, most) => {
    expect(backoff(failures, LIMITS, () => 0)).toBe(least);
    expect(backoff(failures, LIMITS, () => 1)).toBe(most);
  });

  test('differs between clients that failed together', () => {
    const delays = Array.from({ length: 100 }, () => jittered(1_000));
    expect(new Set(delays).size).toBeGreaterThan(1);
    for (const delay of delays) {
      expect(delay).toBeGreaterThanOrEqual(500);
      expect(delay).toBeLessThanOrEqual(1_000);
    }
  });
});
