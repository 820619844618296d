import { expect, test } from 'vitest';
import { ReturnDelays } from '../src/return-delays.ts';

const HOST = 'a.example';
const NOW_MS = 1_000_000;

/** Notes `count` ends of copies at an even pace, the last one now. */
function atPace(delays: ReturnDelays, perSecond: number, count = 32): void {
  for (let end = count - 1; end >= 0; end -= 1) delays.ended(HOST, NOW_MS - (end * 1000) / perSecond);
}

function give(delays: ReturnDelays, count: number, returns: number): number[] {
  return Array.from({ length: count }, () => delays.next(HOST, returns, NOW_MS));
}

test('jobs wait in line, at the pace of the copies of their host', () => {
  const delays = new ReturnDelays();
  atPace(delays, 4);
  const given = give(delays, 100, 20);
  expect(given).toEqual([...given].sort((one, other) => one - other));
  expect(given[0]).toBe(1);
  // 99 are before it, and twice the pace of 4 come in a second.
  expect(given.at(-1)).toBe(13);
});

test('jobs that have come again are no longer before others', () => {
  const delays = new ReturnDelays();
  atPace(delays, 4);
  give(delays, 100, 20);
  for (let end = 1; end <= 40; end += 1) delays.ended(HOST, NOW_MS + end * 1_000);
  expect(delays.next(HOST, 20, NOW_MS + 40_000)).toBe(1);
});

test.each([
  ['no copy of the host has ended', () => new ReturnDelays()],
  [
    'its copies take minutes',
    () => {
      const delays = new ReturnDelays();
      atPace(delays, 0.001);
      give(delays, 1_000, 20);
      return delays;
    },
  ],
])('if %s, the delay grows from 1 to 300 seconds', (_what, make) => {
  const delays = make();
  expect(delays.next(HOST, 0, NOW_MS)).toBe(1);
  expect(delays.next(HOST, 4, NOW_MS)).toBeGreaterThanOrEqual(8);
  expect(delays.next(HOST, 4, NOW_MS)).toBeLessThanOrEqual(16);
  expect(delays.next(HOST, 20, NOW_MS)).toBeGreaterThanOrEqual(150);
  expect(delays.next(HOST, 20, NOW_MS)).toBeLessThanOrEqual(300);
});

test('the line of one host does not delay the jobs of another', () => {
  const delays = new ReturnDelays();
  give(delays, 1_000, 20);
  expect(delays.next('b.example', 0, NOW_MS)).toBe(1);
});
