import { expect, test } from 'vitest';
import { TokenBucket } from '../src/index.ts';

test('holds a burst, and refills at its rate up to the burst', () => {
  const bucket = new TokenBucket(10, 5);
  expect(bucket.waitMs(5, 0)).toBe(0);
  expect(bucket.spend(5, 0)).toBe(0);
  expect(bucket.waitMs(1, 0)).toBe(100);
  expect(bucket.waitMs(1, 50)).toBe(50);
  expect(bucket.waitMs(1, 100)).toBe(0);
  expect(bucket.waitMs(6, 1_000_000)).toBe(100);
});

test('owes what is spent beyond its tokens', () => {
  const bucket = new TokenBucket(1000, 0);
  expect(bucket.spend(500, 0)).toBe(500);
  expect(bucket.spend(500, 0)).toBe(1000);
  expect(bucket.spend(0, 400)).toBe(600);
  expect(bucket.waitMs(100, 1000)).toBe(100);
});
