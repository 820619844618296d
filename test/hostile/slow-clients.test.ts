import { expect, test } from 'vitest';
import { slowDownStandaloneMirror } from './slowed-mirror.ts';

test('a thousand slow connections do not delay other clients', async () => {
  const report = await slowDownStandaloneMirror({ connections: 1000, goodRequests: 100 });
  expect(report).toMatchObject({ held: { before: 1000 }, answers: { 302: 100 }, exit: 0 });
});
