import { request } from 'node:http';
import { expect, test } from 'vitest';
import { isProgramDefect } from '../src/index.ts';

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const nothing: unknown = undefined;

test.each<[string, () => unknown]>([
  ['a property of undefined', () => (nothing as { x: number }).x],
  ['an invalid date', () => new Date(Number.NaN).toISOString()],
  [
    'an endless recursion',
    function self(): unknown {
      return self();
    },
  ],
  ['a broken escape', () => decodeURIComponent('%')],
])('%s is a defect', (_, run) => {
  expect(isProgramDefect(thrownBy(run))).toBe(true);
});

test.each<[string, () => unknown]>([
  ['an invalid URL', () => new URL('no address')],
  ['a header with a line end', () => request({ headers: { x: 'a\nb' } })],
  [
    'an error of the service',
    () => {
      throw Object.assign(new TypeError('x'), { $metadata: {} });
    },
  ],
  [
    'an answer that cannot be parsed',
    () => {
      throw Object.assign(new SyntaxError('x'), { $response: {} });
    },
  ],
  [
    'a broken connection',
    () => {
      throw Object.assign(new Error('x'), { code: 'ECONNRESET' });
    },
  ],
  [
    'a time limit',
    () => {
      throw new DOMException('x', 'TimeoutError');
    },
  ],
  [
    'a thrown undefined',
    () => {
      throw nothing;
    },
  ],
])('%s is not a defect', (_, run) => {
  expect(isProgramDefect(thrownBy(run))).toBe(false);
});
