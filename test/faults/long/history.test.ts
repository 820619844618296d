import { expect, test } from 'vitest';
import { checkHistory } from '../history/check-history.ts';
import { runHistory } from '../history/run-history.ts';
import { summaryOf } from '../history/summary.ts';

/** More seeds, and longer: `npm run test:history -- --seed N --seconds 180`. */
const SEED = Math.floor(Math.random() * 1_000_000);

test(`a mirror under random faults keeps its promises (seed ${SEED})`, { timeout: 300_000 }, async () => {
  const { logs, ...history } = await runHistory({ seed: SEED, seconds: 30 });
  const broken = checkHistory(history);
  if (broken.length > 0) console.error(`seed ${SEED}\n${summaryOf(history)}\n${logs}`);
  expect(broken).toEqual([]);
  expect(history.requests.filter(({ outcome }) => outcome.kind === 'copy').length).toBeGreaterThan(0);
});
