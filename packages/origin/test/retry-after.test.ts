import { expect, test } from 'vitest';
import { ResponseHeaders } from '../src/response-headers.ts';
import { LONGEST_RETRY_AFTER_SECONDS, parseRetryAfter } from '../src/retry-after.ts';

const NOW = Date.UTC(2026, 0, 15, 12, 0, 0);

test.each<[string | string[] | undefined, number | null]>([
  ['37', 37],
  [' 37 ', 37],
  ['0', 0],
  ['3600', 3600],
  ['3601', LONGEST_RETRY_AFTER_SECONDS],
  ['99999999999999999999999999', LONGEST_RETRY_AFTER_SECONDS],
  ['Thu, 15 Jan 2026 12:00:37 GMT', 37],
  ['Thursday, 15-Jan-26 12:00:37 GMT', 37],
  ['Thu Jan 15 12:00:37 2026', 37],
  ['Thu Jan  1 12:00:37 2026', 0],
  ['Thu, 15 Jan 2026 11:59:00 GMT', 0],
  ['Saturday, 15-Jan-94 12:00:37 GMT', 0],
  ['Fri, 31 Dec 9999 23:59:59 GMT', LONGEST_RETRY_AFTER_SECONDS],
  ['-5', null],
  ['1.5', null],
  ['+5', null],
  ['1e3', null],
  ['0x10', null],
  ['soon', null],
  ['', null],
  ['37 s', null],
  ['2026-01-15T12:00:37Z', null],
  ['Thu, 15 Jan 2026 12:00:37 CET', null],
  ['Thu, 15 Foo 2026 12:00:37 GMT', null],
  ['Thu, 15 Jan 2026 25:00:37 GMT', null],
  [undefined, null],
  // The field must not be repeated. The longest pause is safe whichever of them the origin means.
  [['5', '37'], 37],
  [['soon', '37'], 37],
])('Retry-After: %j is %j seconds', (value, seconds) => {
  const headers = new ResponseHeaders(value === undefined ? {} : { 'retry-after': value });
  expect(parseRetryAfter(headers, NOW)).toBe(seconds);
});

test.each([
  ['a Date of an hour ago', 'Thu, 15 Jan 2026 11:00:00 GMT', 37],
  ['a malformed Date', 'yesterday', 0],
])('a date in Retry-After is compared with the answer’s own Date: %s', (_, date, seconds) => {
  const headers = new ResponseHeaders({ date, 'retry-after': 'Thu, 15 Jan 2026 11:00:37 GMT' });
  expect(parseRetryAfter(headers, NOW)).toBe(seconds);
});
