import { expect, test } from 'vitest';
import { ReturnDelays } from '../src/return-delays.ts';

const HOST = 'a.example';
const NOW_MS = 1_000_000;

/** Delays that are all the whole of their window. */
const longest = (): ReturnDelays => new ReturnDelays(() => 1);

/** Notes `count` ends of copies at an even pace, the last one now. */
function atPace(delays: ReturnDelays, perSecond: number, count = 32): void {
  for (let end = count - 1; end >= 0; end -= 1) delays.ended(HOST, NOW_MS - (end * 1000) / perSecond);
}

function give(delays: ReturnDelays, count: number, returns: number): number[] {
  return Array.from({ length: count }, () => delays.next(HOST, returns, NOW_MS));
}

test('jobs stay away as long as the copier needs for all of them', () => {
  const delays = longest();
  atPace(delays, 4);
  const given = give(delays, 100, 20);
  expect(given[0]).toBe(1);
  expect(given.at(-1)).toBe(25);
});

test('more come at any time than are copied until then', () => {
  let fraction = 0;
  // Evenly spread fractions, as random ones are on average.
  const delays = new ReturnDelays(() => (fraction = (fraction + (Math.sqrt(5) - 1) / 2) % 1));
  atPace(delays, 4);
  give(delays, 400, 20);
  const given = give(delays, 1_000, 20);
  for (let second = 10; second <= 100; second += 10)
    expect(given.filter((delay) => delay <= second).length).toBeGreaterThanOrEqual(4 * second);
});

test('jobs that have come again are no longer away', () => {
  const delays = longest();
  atPace(delays, 4);
  give(delays, 100, 20);
  for (let end = 1; end <= 40; end += 1) delays.ended(HOST, NOW_MS + end * 1_000);
  expect(delays.next(HOST, 20, NOW_MS + 40_000)).toBe(1);
});

test.each([
  ['no copy of the host has ended', longest],
  [
    'its copies take minutes',
    () => {
      const delays = longest();
      atPace(delays, 0.001);
      return delays;
    },
  ],
])('if %s, the bound of the delay grows from 2 to 300 seconds', (_what, make) => {
  const delays = make();
  expect([0, 1, 4, 7, 20, 1_000_000].map((returns) => delays.next(HOST, returns, NOW_MS))).toEqual([
    2, 4, 32, 256, 300, 300,
  ]);
});

test('jobs of one host do not delay those of another', () => {
  const delays = longest();
  give(delays, 1_000, 20);
  expect(delays.next('b.example', 0, NOW_MS)).toBe(2);
});
