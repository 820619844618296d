import { expect, test } from 'vitest';
import { fuzzStandaloneMirror } from './fuzzed-mirror.ts';

test('generated requests to every route cause no crash, no 500 and no error in the log', async () => {
  const report = await fuzzStandaloneMirror({ seed: 1, seconds: 60, requests: 2000 });
  expect(report.violations).toEqual([]);
  expect(report.errors).toEqual([]);
  expect(report).toMatchObject({ alive: true, exit: 0 });
  // Some requests passed the first checks, too.
  expect(Object.keys(report.statuses)).toEqual(
    expect.arrayContaining(['200', '204', '302', '400', '401', '403', '404', '405', '413', '431']),
  );
});
