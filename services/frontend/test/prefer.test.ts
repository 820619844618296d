import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asksForRevalidation, parseDirectives, readPreferences } from '../src/redirect/prefer.ts';
import { waitFor } from '../src/redirect/wait.ts';

test.each<[string | undefined, string, number | null, boolean]>([
  [undefined, '', null, false],
  ['', '', null, false],
  ['wait=5', '', 5, false],
  ['Wait=5', '', 5, false],
  ['wait = 5', '', 5, false],
  ['wait="5"', '', 5, false],
  ['wait=5; strict', '', 5, false],
  ['respond-async', '', null, true],
  ['Respond-Async, wait=0', '', 0, true],
  ['respond-async;foo="a,b;c", wait=3', '', 3, true],
  ['return=minimal, wait=7', '', 7, false],
  ['wait=1, wait=2', '', 1, false],
  ['foo="a, wait=9", wait=2', '', 2, false],
  ['foo="a\\", wait=9", wait=2', '', 2, false],
  [', ,wait=2,', '', 2, false],
  // Values that cannot be parsed are ignored.
  ['wait', '', null, false],
  ['wait=', '', null, false],
  ['wait=-1', '', null, false],
  ['wait=1.5', '', null, false],
  ['wait=soon', '', null, false],
  ['wait=0x10', '', null, false],
  ['wait=5 seconds', '', null, false],
  ['wait 5, respond-async', '', null, true],
  ['foo="unended, wait=5', '', null, false],
  // The query replaces a missing header, which otherwise takes precedence.
  [undefined, 'wait=4', 4, false],
  [undefined, 'async=1', null, true],
  [undefined, 'a=b&wait=0&async=1', 0, true],
  ['wait=9', 'wait=4', 9, false],
  ['wait=soon', 'wait=4', 4, false],
  ['wait=0', 'async=1', 0, false],
  ['respond-async', 'wait=4', null, true],
  ['return=minimal', 'wait=4&async=1', 4, true],
  [undefined, 'wait=&async=', null, false],
  [undefined, 'wait=abc&async=maybe', null, false],
  [undefined, '%zz&wait=3', 3, false],
])('Prefer: %j with ?%s', (header, query, waitSeconds, respondAsync) => {
  expect(readPreferences(header, query)).toEqual({ waitSeconds, respondAsync });
});

test('the parser never throws', () => {
  const pieces = fc.constantFrom('wait', '=', '"', '\\', ',', ';', ' ', '5', 'respond-async', '\t', 'é');
  const headers = fc.oneof(
    fc.string(),
    fc.array(pieces).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(headers, (header) => {
      const { waitSeconds } = readPreferences(header, header);
      expect(waitSeconds === null || waitSeconds >= 0).toBe(true);
    }),
  );
});

test('the first value of a repeated preference applies', () => {
  expect([...parseDirectives('a=1, A=2, b')]).toEqual([
    ['a', '1'],
    ['b', ''],
  ]);
});

test.each([
  [undefined, false],
  ['no-cache', true],
  ['No-Cache', true],
  ['max-age=0, no-cache', true],
  ['no-store', false],
  ['max-age="no-cache"', false],
])('Cache-Control: %s revalidates: %s', (header, revalidates) => {
  expect(asksForRevalidation(header)).toBe(revalidates);
});

test.each<[number | null, boolean, number, number | null]>([
  [null, false, 12_000, null],
  [5, false, 5000, 5],
  [0, false, 0, 0],
  [600, false, 12_000, 12],
  [1e30, false, 12_000, 12],
  [null, true, 0, null],
  [3, true, 3000, 3],
])('wait=%s, respond-async %s: %s ms', (waitSeconds, respondAsync, waitMs, preferred) => {
  expect(waitFor({ waitSeconds, respondAsync }, 12)).toEqual({ waitMs, respondAsync, preferred });
});
