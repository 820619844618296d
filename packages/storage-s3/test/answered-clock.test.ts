import { expect, test } from 'vitest';
import { AnsweredClock } from '../src/answered-clock.ts';
import { openScripted } from './scripted-provider.ts';

const HOUR_MS = 3_600_000;
const httpDate = (ms: number): string => new Date(ms).toUTCString();

test('before the first answer, and with answers that tell no time, it is the clock of this machine', () => {
  const clock = new AnsweredClock();
  for (const date of [undefined, '', 'yesterday']) clock.observe(date, Date.now());
  expect(clock.aheadMs).toBe(0);
  expect(Math.abs(clock.nowMs() - Date.now())).toBeLessThan(1_000);
});

test('an answer that may have been written during the call shows no difference, however long the call took', () => {
  const clock = new AnsweredClock();
  const now = Date.now();
  for (const writtenMs of [now - 60_000, now - 30_000, now]) clock.observe(httpDate(writtenMs), now - 60_000);
  expect(clock.aheadMs).toBe(0);
});

test.each([30, -30])('a store of another time has that time: this machine is %i hours ahead', (hours) => {
  const clock = new AnsweredClock();
  const aheadMs = hours * HOUR_MS;
  clock.observe(httpDate(Date.now() - aheadMs), Date.now());
  expect(Math.abs(clock.aheadMs - aheadMs)).toBeLessThanOrEqual(1_000);
  expect(Math.abs(clock.nowMs() - (Date.now() - aheadMs))).toBeLessThanOrEqual(2_000);
  // The clock of this machine has been set right.
  clock.observe(httpDate(Date.now()), Date.now());
  expect(clock.aheadMs).toBe(0);
});

test.each([404, 200, 503])('a provider learns the time from an answer of status %i', async (status) => {
  const date = httpDate(Date.now() - 30 * HOUR_MS);
  await using opened = new AsyncDisposableStack();
  const answer = { status, headers: { Date: date } };
  const { provider } = await openScripted(opened, () => answer, { maxAttempts: 1 });
  await provider.head('https://origin.example/x').catch(() => null);
  expect(Math.abs(provider.clock.aheadMs - 30 * HOUR_MS)).toBeLessThanOrEqual(2_000);
});
