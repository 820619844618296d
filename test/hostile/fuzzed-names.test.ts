import { expect, test } from 'vitest';
import { fuzzDns } from './dns-fuzzer.ts';

test.each([1, 2, 3])('the name server survives noise and damaged messages, seed %d', async (seed) => {
  const report = await fuzzDns({ seed, messages: 3_000 });
  expect(report.violations).toEqual([]);
  expect(report.errors).toEqual([]);
  expect(report.replies).toBeGreaterThan(1_000);
});
