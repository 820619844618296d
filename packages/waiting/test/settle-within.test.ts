import { expect, test } from 'vitest';
import { settleWithin } from '../src/settle-within.ts';

const NEVER = new Promise<string>(() => undefined);
const LONG_MS = 2 ** 31 - 1;

test('returns a value that comes in time', async () => {
  expect(await settleWithin(Promise.resolve('value'), LONG_MS, 'late')).toBe('value');
});

test('rejects as the promise does', async () => {
  await expect(settleWithin(Promise.reject(new Error('why')), LONG_MS, 'late')).rejects.toThrow('why');
});

test('returns the late value when the time is over', async () => {
  expect(await settleWithin(NEVER, 1, 'late')).toBe('late');
});

test.each([0, -5])('does not wait at all for %d ms', async (limitMs) => {
  expect(await settleWithin(NEVER, limitMs, 'late')).toBe('late');
});

test('returns the late value when the signal is aborted, before or during the wait', async () => {
  const before = AbortSignal.abort();
  expect(await settleWithin(NEVER, LONG_MS, 'late', before)).toBe('late');
  const during = new AbortController();
  const waiting = settleWithin(NEVER, LONG_MS, 'late', during.signal);
  during.abort();
  expect(await waiting).toBe('late');
});

test('ignores a rejection after the time is over', async () => {
  // An unhandled rejection fails the run.
  const { promise, reject } = Promise.withResolvers<string>();
  expect(await settleWithin(promise, 0, 'late')).toBe('late');
  const late = Promise.withResolvers<string>();
  expect(await settleWithin(late.promise, 1, 'late')).toBe('late');
  reject(new Error('late'));
  late.reject(new Error('late'));
  await new Promise(setImmediate);
});
