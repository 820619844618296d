import { describe, expect, test } from 'vitest';
import { SharedPool } from '../src/index.ts';

/** Takes places until the pool refuses. @returns how many it gave */
function takeAll(pool: SharedPool, ...holders: string[]): number {
  let taken = 0;
  while (pool.take(holders).refusal === null) taken += 1;
  return taken;
}

describe('a holder', () => {
  test.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 2],
    [5, 3],
    [64, 32],
    [1000, 500],
  ])('alone in a pool of %d gets %d places', (size, expected) => {
    const pool = new SharedPool(size);
    expect(takeAll(pool, 'greedy')).toBe(expected);
    expect(pool.refusalOf(['greedy'])).toBe(expected === size ? 'full' : 'over_share');
  });

  test.each([1, 2, 5, 9])('finds places after %d greedy ones', (greedy) => {
    const pool = new SharedPool(1000);
    for (let index = 0; index < greedy; index += 1) takeAll(pool, `greedy ${index}`);
    expect(pool.refusalOf(['another'])).toBeNull();
  });

  test.each([1, 2, 5, 20])('gets the same as %d greedy ones while places are given back', (greedy) => {
    const pool = new SharedPool(1000);
    const names = Array.from({ length: greedy + 1 }, (_, index) => `holder ${index}`);
    const held: { readonly name: string; readonly place: Disposable }[] = [];
    const fill = (): void => {
      for (let isGiven = true; isGiven;) {
        isGiven = false;
        for (const name of names) {
          const { place } = pool.take([name]);
          if (place !== null) held.push({ name, place });
          isGiven ||= place !== null;
        }
      }
    };
    // At first one holder has half of the places.
    for (let taken = pool.take(['holder 0']); taken.place !== null; taken = pool.take(['holder 0']))
      held.push({ name: 'holder 0', place: taken.place });
    for (let round = 0; round < 20; round += 1) {
      fill();
      for (const { place } of held.splice(0, 100)) place[Symbol.dispose]();
    }
    fill();
    const counts = names.map((name) => held.filter((one) => one.name === name).length);
    const share = 1000 / (greedy + 2);
    for (const count of counts) expect(Math.abs(count - share)).toBeLessThanOrEqual(share / 10 + 1);
    expect(pool.refusalOf(['another'])).toBeNull();
  });

  test('does not use up the share of its group', () => {
    const pool = new SharedPool(100);
    const take = (holder: string, group: string) => pool.take([holder], [group]).refusal;
    while (take('client 1', 'host a') === null);
    expect(pool.taken).toBe(50);
    expect(take('client 2', 'host a')).toBeNull();
    while (take('client 2', 'host a') === null);
    while (take('client 3', 'host a') === null);
    expect(pool.taken).toBe(75);
    expect(take('client 4', 'host a')).toBe('over_share');
    expect(take('client 4', 'host b')).toBeNull();
    expect(take('client 1', 'host b')).toBe('over_share');
  });

  test('without a name may take every place', () => {
    const pool = new SharedPool(10);
    expect(takeAll(pool)).toBe(10);
    expect(pool.refusalOf([])).toBe('full');
  });
});

test('a place can be given back once', () => {
  const pool = new SharedPool(2);
  const first = pool.take(['a']);
  pool.take(['a']);
  expect(pool.take(['b']).refusal).toBe('full');
  first.place?.[Symbol.dispose]();
  first.place?.[Symbol.dispose]();
  expect(pool.taken).toBe(1);
  expect(pool.take(['b']).refusal).toBeNull();
});

test('an empty pool has no place', () => {
  expect(new SharedPool(0).take(['a']).refusal).toBe('full');
});
