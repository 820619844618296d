import { expect, test } from 'vitest';
import { openCopier, TIMES } from './copier-fixture.ts';

const PATH = '/bytes/1000';
/** More than the lifespan of the fixture's stores. */
const MARGIN_SECONDS = 2 * 86_400;

test('a copy without life left is made once, and remembered as a failure for as long as the expiry margin', async () => {
  await using copier = await openCopier({ times: { ...TIMES, expiryMarginSeconds: MARGIN_SECONDS } });
  await copier.sendClaimed(PATH);
  expect(await copier.runNext()).toMatchObject({ outcome: 'failed', error: { code: 'store_expires' } });
  const entry = await copier.entry(PATH);
  expect(entry).toMatchObject({ state: 'error', code: 'store_expires', willRetry: false });
  if (entry?.state !== 'error') throw new Error('the entry is no error');
  expect(entry.retryAt - entry.since).toBe(MARGIN_SECONDS * 1000);
  expect(await copier.mirror.redirect(PATH)).toMatchObject({ kind: 'origin', reason: 'copy_failed' });
  expect(await copier.mirror.here.queue.depth()).toEqual({ waiting: 0, inFlight: 0, deadLetters: 0 });
});

test.each([30, -30])(
  'a copy has its whole life if this machine is %i hours ahead of the store',
  async (hours) => {
    await using copier = await openCopier();
    copier.mirror.here.objects.aheadMs = hours * 3_600_000;
    await copier.sendClaimed(PATH);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
    const [commit] = copier.mirror.gate.of({ part: 'entries', method: 'commit' });
    const { ttlMs } = commit?.options as { ttlMs: number };
    expect(ttlMs).toBeGreaterThan(80_000_000);
    expect(await copier.mirror.redirect(PATH)).toMatchObject({ kind: 'present' });
  },
);
