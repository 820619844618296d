import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EntryStoreError } from '@cloud-mirror/entry-store';
import type { Delivery } from '@cloud-mirror/job-queue';
import { StorageError } from '@cloud-mirror/storage-provider';
import { MAX_OBJECT_BYTES } from '@cloud-mirror/testing/mirror-fixture';
import { MAX_RECEIVE_COUNT, openCopier, TIMES, withBody, type CopierFixture } from './copier-fixture.ts';

const PATH = '/bytes/1000';
const PUT = { part: 'store here', method: 'put' };
const TAKE = { part: 'entries', method: 'take' };
const { first, longest } = TIMES.errorSeconds;

let copier: CopierFixture;
beforeEach(async () => {
  copier = await openCopier();
});
afterEach(async () => {
  await copier[Symbol.asyncDispose]();
  // Copiers never delete objects, whatever the outcome of a job.
  expect(copier.mirror.gate.count({ method: 'delete' })).toBe(0);
});

/** The job's last delivery, after which it becomes a dead letter. */
async function lastDelivery(): Promise<Delivery> {
  for (let delivered = 1; delivered < MAX_RECEIVE_COUNT; delivered++) await (await copier.receive()).retry(0);
  return copier.receive();
}

describe('a retryable failure', () => {
  test('is retried with exponential back-off, and forgotten after a success', async () => {
    const path = '/flaky/100?failures=7';
    const delays: number[] = [];
    for (let failures = 0; failures < 7; failures++) {
      await copier.send(path);
      const result = await copier.runNext();
      expect(result).toMatchObject({ outcome: 'will_retry', error: { code: 'origin_status', status: 503 } });
      if (result.outcome !== 'will_retry') return;
      delays.push(result.delaySeconds);
      const full = Math.min(longest, first * 2 ** failures);
      expect(result.delaySeconds).toBeGreaterThanOrEqual(full / 2);
      expect(result.delaySeconds).toBeLessThanOrEqual(full);
      const entry = await copier.entry(path);
      expect(entry).toMatchObject({
        state: 'error',
        willRetry: true,
        attempts: failures + 1,
        originStatus: 503,
        originHost: new URL(copier.mirror.origin.baseUrl).host,
      });
      if (entry?.state === 'error') expect(entry.retryAt - entry.since).toBe(result.delaySeconds * 1000);
    }
    const retries = copier.mirror.gate.of({ part: 'queue here', method: 'retry' });
    expect(retries.map(({ options }) => options)).toEqual(delays);
    await copier.send(path);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
  });

  test.each([
    ['/get-500', 'origin_status'],
    ['/cut/1000?ranges=none', 'origin_interrupted'],
    ['/bytes/1000?md5=bad', 'origin_mismatch'],
  ])('of the origin stores no object: %s', async (path, code) => {
    await copier.sendClaimed(path);
    expect(await copier.runNext()).toMatchObject({ outcome: 'will_retry', error: { code } });
    expect(await copier.stored(path)).toBeNull();
    expect(await copier.entry(path)).toMatchObject({ state: 'error', code, willRetry: true });
  });

  test('of the origin after a successful HEAD is passed on to a waiting client', async () => {
    const waiting = copier.mirror.redirect('/get-500');
    expect(await copier.runNext()).toMatchObject({ outcome: 'will_retry' });
    expect(await waiting).toMatchObject({ kind: 'origin_status', status: 500 });
  });

  test('of the store is retried', async () => {
    await copier.sendClaimed(PATH);
    using _down = copier.mirror.gate.fail(PUT, () => new StorageError('store_unavailable', 'down'));
    expect(await copier.runNext()).toMatchObject({
      outcome: 'will_retry',
      error: { code: 'store_unavailable' },
    });
    expect(await copier.entry(PATH)).toMatchObject({
      state: 'error',
      code: 'store_unavailable',
      willRetry: true,
    });
  });

  test('includes a defect of the program', async () => {
    await copier.sendClaimed(PATH);
    using _defect = copier.mirror.gate.fail(PUT, () => new TypeError('a defect'));
    expect(await copier.runNext()).toMatchObject({
      outcome: 'will_retry',
      error: { cause: { message: 'a defect' } },
    });
  });

  test('keeps the entry until others may claim the object', async () => {
    await copier.sendClaimed('/get-500');
    const result = await copier.runNext();
    if (result.outcome !== 'will_retry') throw new Error(result.outcome);
    const claim = { token: 'other', leaseMs: 1000, copyingLeaseMs: TIMES.copyingLeaseSeconds * 1000 };
    const { id } = copier.mirror.object('/get-500');
    const overdueMs = (result.delaySeconds + TIMES.copyingLeaseSeconds) * 1000;
    copier.mirror.clock.aheadMs = overdueMs - 1000;
    expect(await copier.mirror.entries.claim(id, claim)).toMatchObject({ claimed: false });
    copier.mirror.clock.aheadMs = overdueMs + 1000;
    expect(await copier.entry('/get-500')).not.toBeNull();
    expect(await copier.mirror.entries.claim(id, claim)).toMatchObject({ claimed: true, attempts: 1 });
  });

  test('on the last delivery makes the job a dead letter, and is recorded in the entry', async () => {
    await copier.send('/get-500');
    expect(await copier.run(await lastDelivery())).toMatchObject({ outcome: 'dead_letter' });
    expect(await copier.mirror.here.queue.deadLetters(10)).toMatchObject([
      { reason: expect.stringMatching(/^origin_status: .* 500$/) as string },
    ]);
    expect(await copier.entry('/get-500')).toMatchObject({
      state: 'error',
      willRetry: false,
      originStatus: 500,
    });
  });

  test('that cannot be recorded in the entry is retried too', async () => {
    await copier.sendClaimed('/get-500');
    using _down = copier.mirror.gate.fail(
      { part: 'entries', method: 'fail' },
      () => new EntryStoreError('down'),
    );
    expect(await copier.runNext()).toMatchObject({ outcome: 'will_retry' });
    expect(copier.failures).toEqual(['entries']);
  });
});

describe('a permanent failure', () => {
  const forbidden = `/redirect-to?url=${encodeURIComponent('http://169.254.169.254/latest')}`;

  test.each([
    ['/status/403', { code: 'origin_status', originStatus: 403 }],
    ['/status/404', { code: 'origin_status', originStatus: 404 }],
    ['/status/410', { code: 'origin_status', originStatus: 410 }],
    ['/loop', { code: 'origin_redirects', originStatus: null }],
    // The end of such a body cannot be proved.
    ['/close-delimited/100', { code: 'origin_mismatch', originStatus: null }],
    [forbidden, { code: 'not_allowed', originStatus: null }],
    [`/bytes/${MAX_OBJECT_BYTES + 1}`, { code: 'too_large', originStatus: null }],
    [`/stream/${MAX_OBJECT_BYTES + 1}`, { code: 'too_large', originStatus: null }],
  ])('is recorded, and the job acknowledged: %s', async (path, failure) => {
    await copier.sendClaimed(path);
    expect(await copier.runNext()).toMatchObject({ outcome: 'failed', error: { code: failure.code } });
    expect(await copier.entry(path)).toMatchObject({ state: 'error', willRetry: false, ...failure });
    expect(await copier.mirror.here.queue.depth()).toEqual({ waiting: 0, inFlight: 0, deadLetters: 0 });
    expect(await copier.stored(path)).toBeNull();
  });

  test('is remembered for originAnswerSeconds', async () => {
    await copier.sendClaimed('/status/404');
    await copier.runNext();
    copier.mirror.clock.aheadMs += TIMES.originAnswerSeconds * 1000 + 100;
    expect(await copier.entry('/status/404')).toBeNull();
  });

  test('of the store makes the job a dead letter, and is recorded in the entry', async () => {
    await copier.sendClaimed(PATH);
    using _refused = copier.mirror.gate.fail(PUT, () => new StorageError('store_rejected', 'bad key'));
    expect(await copier.runNext()).toMatchObject({ outcome: 'dead_letter' });
    expect(await copier.mirror.here.queue.deadLetters(10)).toMatchObject([
      { reason: 'store_rejected: bad key' },
    ]);
    expect(await copier.entry(PATH)).toMatchObject({
      state: 'error',
      code: 'store_rejected',
      willRetry: false,
    });
  });
});

describe('a pause that the origin requests', () => {
  const path = (header: string, status = 503): string =>
    `/answers/10?get=${status}&header=${encodeURIComponent(`Retry-After: ${header}`)}`;

  test.each([
    ['37', 37],
    ['1000', 300],
  ])('by Retry-After: %s delays the retry and is recorded for clients', async (header, seconds) => {
    const waiting = copier.mirror.redirect(path(header));
    expect(await copier.runNext()).toMatchObject({ outcome: 'will_retry', delaySeconds: seconds });
    expect(await waiting).toMatchObject({ kind: 'origin_status', status: 503 });
    const entry = await copier.entry(path(header));
    expect(entry).toMatchObject({ state: 'error', originRetryAfterSeconds: Number(header) });
    if (entry?.state === 'error') expect(entry.retryAt - entry.since).toBe(seconds * 1000);
    expect(copier.mirror.gate.of({ part: 'queue here', method: 'retry' })).toMatchObject([
      { options: seconds },
    ]);
    const asked = copier.mirror.origin.count(null);
    // Later than originAnswerSeconds, for which other answers are remembered.
    copier.mirror.clock.aheadMs = (TIMES.originAnswerSeconds + 5) * 1000;
    expect(await copier.mirror.redirect(path(header), { revalidate: true })).toMatchObject({
      kind: 'origin_status',
      status: 503,
    });
    expect(copier.mirror.origin.count(null)).toBe(asked);
  });

  test('is observed after the last delivery too', async () => {
    await copier.send(path('200'));
    expect(await copier.run(await lastDelivery())).toMatchObject({ outcome: 'dead_letter' });
    const entry = await copier.entry(path('200'));
    if (entry?.state !== 'error') throw new Error('no error');
    expect(entry.retryAt - entry.since).toBe(200_000);
  });
});

describe('an answer that must not be copied', () => {
  test.each([
    ['not_copyable', '/answers/10?get=204'],
    ['not_copyable', '/answers/10?get=206&header=Content-Range%3A%20bytes%200-9/20'],
    ['not_shareable', '/answers/10?head=404&header=Vary%3A%20Accept'],
  ])('is recorded as %s for minutes, and the job acknowledged: %s', async (code, path) => {
    await copier.sendClaimed(path);
    expect(await copier.runNext()).toMatchObject({ outcome: 'failed', error: { code } });
    expect(await copier.entry(path)).toMatchObject({ willRetry: false, code, originStatus: null });
    expect(await copier.stored(path)).toBeNull();
    copier.mirror.clock.aheadMs = 299_000;
    expect(await copier.mirror.redirect(path)).toMatchObject({ kind: 'origin', reason: code });
    expect(await copier.mirror.here.queue.depth()).toEqual({ waiting: 0, inFlight: 0, deadLetters: 0 });
  });

  test.each([
    '/answers/10?get=203',
    '/answers/10?get=206&header=Content-Range%3A%20bytes%200-9/10',
    '/answers/10?head=404&get=203',
  ])('does not include %s', async (path) => {
    const waiting = copier.mirror.redirect(path);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied' });
    expect(await waiting).toMatchObject({ kind: 'present', how: 'stored' });
    expect(await copier.stored(path)).toMatchObject({ sizeBytes: 10 });
  });
});

describe('a message', () => {
  test.each(['', 'hello', '{"v":1,"service":7}', '{"v":1,"url":"file:///etc/passwd"}'])(
    'that is not a job becomes a dead letter at once: %j',
    async (body) => {
      await copier.send(PATH);
      expect(await copier.run(withBody(await copier.receive(), body))).toMatchObject({
        outcome: 'dead_letter',
      });
      expect(await copier.mirror.here.queue.deadLetters(10)).toMatchObject([
        { reason: expect.stringContaining('not a job') as string },
      ]);
      expect(copier.mirror.gate.count(TAKE)).toBe(0);
    },
  );

  test('of another version is given back for another worker', async () => {
    await copier.send(PATH);
    const delivery = await copier.receive();
    const later = JSON.stringify({ ...(JSON.parse(delivery.body) as object), v: 2 });
    expect(await copier.run(withBody(delivery, later))).toMatchObject({
      outcome: 'given_back',
      delaySeconds: 30,
    });
    expect(await copier.mirror.here.queue.depth()).toEqual({ waiting: 0, inFlight: 1, deadLetters: 0 });
    expect(copier.mirror.gate.count(TAKE)).toBe(0);
  });

  test('with unknown fields is copied', async () => {
    await copier.send(PATH);
    const delivery = await copier.receive();
    const more = JSON.stringify({ ...(JSON.parse(delivery.body) as object), later: { field: true } });
    expect(await copier.run(withBody(delivery, more))).toMatchObject({ outcome: 'copied' });
  });

  test('for an unknown back end is given back for another worker', async () => {
    await copier.send(PATH, { region: 'elsewhere' });
    expect(await copier.runNext()).toMatchObject({ outcome: 'given_back', delaySeconds: 30 });
    expect(await copier.mirror.here.queue.depth()).toEqual({ waiting: 0, inFlight: 1, deadLetters: 0 });
    expect(copier.mirror.gate.count(TAKE)).toBe(0);
  });
});
