import { expect, test } from 'vitest';
import { RecentlyUsed } from '@cloud-mirror/http-service';

test('what was used of late is kept, of what was not half goes', () => {
  const kept = new RecentlyUsed<number, string>(4);
  for (const number of [1, 2, 3]) kept.set(number, String(number));
  expect(kept.get(1)).toBe('1');
  kept.set(4, '4');
  kept.set(5, '5');
  expect(kept.get(2)).toBeUndefined();
  expect(kept.get(1)).toBe('1');
  expect(kept.size).toBeLessThanOrEqual(4);
});

test('what weighs more leaves room for fewer', () => {
  const kept = new RecentlyUsed<number, string>(8, (number) => number);
  for (const number of [1, 4, 3, 5, 6]) kept.set(number, String(number));
  expect([1, 4, 6].map((number) => kept.get(number))).toEqual([undefined, undefined, '6']);
});
