import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StorageError } from '@cloud-mirror/storage-provider';
import { OriginError } from '@cloud-mirror/origin';
import { describeFailure } from '../src/index.ts';
import {
  MAX_OBJECT_BYTES,
  openMirror,
  TIMES,
  type MirrorFixture,
} from '@cloud-mirror/testing/mirror-fixture';

const INSPECT = { part: 'origin', method: 'inspect' };
const ENQUEUE = { part: 'queue here', method: 'enqueue' };

let mirror: MirrorFixture;
beforeEach(async () => {
  mirror = await openMirror();
});
afterEach(() => mirror[Symbol.asyncDispose]());

async function untilWaiting(count: number): Promise<void> {
  while (mirror.manager.waiting < count) await new Promise(setImmediate);
}

describe('an origin that refuses', () => {
  test('is asked once, and its status answers all waiting requests and those soon after', async () => {
    const host = new URL(mirror.origin.baseUrl).host;
    using inspecting = mirror.gate.pause(INSPECT);
    const requests = Array.from({ length: 20 }, () => mirror.redirect('/status/404'));
    await inspecting.reached;
    await untilWaiting(19);
    inspecting.resume();
    for (const outcome of await Promise.all(requests))
      expect(outcome).toMatchObject({ kind: 'origin_status', status: 404, host });
    expect(await mirror.redirect('/status/404', { waitMs: 0 })).toMatchObject({
      kind: 'origin_status',
      status: 404,
    });
    expect(mirror.gate.count(INSPECT)).toBe(1);
    expect(mirror.gate.count(ENQUEUE)).toBe(0);
  });

  test('is asked again when its answer is no longer remembered', async () => {
    mirror.origin.remove('later');
    expect(await mirror.redirect('/mutable/later')).toMatchObject({ kind: 'origin_status', status: 404 });
    mirror.origin.set('later', Buffer.from('here now'));
    expect(await mirror.redirect('/mutable/later')).toMatchObject({ kind: 'origin_status' });
    mirror.clock.aheadMs += TIMES.originAnswerSeconds * 1000 + 1;
    const waiting = mirror.redirect('/mutable/later');
    await mirror.copyNext();
    expect(await waiting).toMatchObject({ kind: 'present', how: 'stored' });
  });

  test('is asked again at once for a revalidation', async () => {
    expect(await mirror.redirect('/mutable/new')).toMatchObject({ kind: 'origin_status', status: 404 });
    mirror.origin.set('new', Buffer.from('here now'));
    const waiting = mirror.redirect('/mutable/new', { revalidate: true });
    await mirror.copyNext();
    expect(await waiting).toMatchObject({ kind: 'present' });
  });

  test.each([401, 410, 500, 503])('gives the client its status %d', async (status) => {
    expect(await mirror.redirect(`/status/${status}`)).toMatchObject({ kind: 'origin_status', status });
    expect(mirror.gate.count(ENQUEUE)).toBe(0);
  });

  test.each(['/loop', '/redirect-nowhere', '/redirect/9'])('gives origin_redirects for %s', async (path) => {
    expect(await mirror.redirect(path)).toMatchObject({ kind: 'origin_redirects' });
    expect(await mirror.redirect(path)).toMatchObject({ kind: 'origin_redirects' });
    expect(mirror.gate.count(INSPECT)).toBe(1);
  });

  test('gives not_allowed if it redirects to a URL that is not allowed', async () => {
    const path = `/redirect-to?url=${encodeURIComponent('http://169.254.169.254/latest')}`;
    expect(await mirror.redirect(path)).toMatchObject({ kind: 'not_allowed' });
    expect(await mirror.redirect(path)).toMatchObject({ kind: 'not_allowed' });
    expect(mirror.gate.count(ENQUEUE)).toBe(0);
  });

  test('the client is redirected to the origin at once if the object is too large', async () => {
    const path = `/bytes/${MAX_OBJECT_BYTES + 1}`;
    for (let time = 0; time < 2; time++)
      expect(await mirror.redirect(path)).toMatchObject({
        kind: 'origin',
        location: mirror.origin.url(path),
        state: 'error',
        reason: 'too_large',
      });
    expect(mirror.gate.count(ENQUEUE)).toBe(0);
  });

  test('the client is redirected to the origin if the mirror cannot reach it', async () => {
    const url = new URL('http://127.0.0.1:9/closed');
    for (let time = 0; time < 2; time++)
      expect(await mirror.redirect('', { url })).toMatchObject({
        kind: 'origin',
        location: url.href,
        state: 'error',
        reason: 'origin_unreachable',
      });
    expect(mirror.gate.count(INSPECT)).toBe(1);
  });

  test('is asked for its first byte if it refuses HEAD', async () => {
    const waiting = mirror.redirect('/head-405/100');
    await mirror.copyNext();
    expect(await waiting).toMatchObject({ kind: 'present' });
  });
});

describe('an origin that sends Retry-After', () => {
  const path = (header: string, status = 429): string =>
    `/answers/10?head=${status}&get=${status}&header=${encodeURIComponent(`Retry-After: ${header}`)}`;
  const outcome = (status: number, retryAfterSeconds: number) => ({
    kind: 'origin_status',
    status,
    retryAfterSeconds,
  });

  test.each([429, 503])('with status %i is asked again only after that time', async (status) => {
    const url = path('37', status);
    expect(await mirror.redirect(url)).toMatchObject(outcome(status, 37));
    expect(mirror.origin.count(null)).toBe(1);
    mirror.clock.aheadMs = 36_000;
    for (const revalidate of [false, true])
      expect(await mirror.redirect(url, { revalidate })).toMatchObject({ kind: 'origin_status', status });
    expect(mirror.origin.count(null)).toBe(1);
    mirror.clock.aheadMs = 37_001;
    expect(await mirror.redirect(url)).toMatchObject(outcome(status, 37));
    expect(mirror.origin.count(null)).toBe(2);
  });

  test('of more than five minutes is asked again after five minutes, and clients get the full time', async () => {
    const url = path('1000');
    expect(await mirror.redirect(url)).toMatchObject(outcome(429, 1000));
    mirror.clock.aheadMs = 299_000;
    await mirror.redirect(url);
    expect(mirror.origin.count(null)).toBe(1);
    mirror.clock.aheadMs = 300_001;
    await mirror.redirect(url);
    expect(mirror.origin.count(null)).toBe(2);
  });

  test('of more than an hour: clients get one hour', async () => {
    expect(await mirror.redirect(path('86400'))).toMatchObject(outcome(429, 3600));
  });

  test('gives later clients the remaining time', async () => {
    mirror.clock.aheadMs = -20_000;
    expect(await mirror.redirect(path('100'))).toMatchObject(outcome(429, 100));
    const later = await mirror.redirect(path('100'));
    if (later.kind !== 'origin_status') throw new Error(later.kind);
    expect(later.retryAfterSeconds).toBeLessThanOrEqual(80);
    expect(later.retryAfterSeconds).toBeGreaterThan(0);
  });

  test.each(['0', 'soon', 'Thu, 15 Jan 2015 12:00:00 GMT'])('of %j has no effect', async (header) => {
    expect(await mirror.redirect(path(header))).toMatchObject({ status: 429, retryAfterSeconds: null });
    mirror.clock.aheadMs = TIMES.originAnswerSeconds * 1000 + 1;
    await mirror.redirect(path(header));
    // Two requests, each with a HEAD and a GET.
    expect(mirror.origin.count(null)).toBe(4);
  });
});

describe('an origin whose answer cannot be copied', () => {
  const cases = [
    ['not_copyable', '/answers/10?head=204&get=204'],
    ['not_copyable', '/answers/10?head=300&get=300'],
    ['not_shareable', '/answers/10?header=Vary%3A%20Cookie'],
    ['not_shareable', '/answers/10?header=Cache-Control%3A%20private'],
    ['not_shareable', '/answers/10?header=Set-Cookie%3A%20a%3D1'],
    [
      'cookie_required',
      '/answers/10?head=403&get=302&header=Set-Cookie%3A%20a%3D1&header=Location%3A%20/loop',
    ],
  ] as const;

  test.each(cases)(
    '%s: %s: the client gets the origin, and no job is sent for five minutes',
    async (reason, path) => {
      const left = { kind: 'origin', reason, state: 'error', location: mirror.origin.url(path) };
      expect(await mirror.redirect(path)).toMatchObject(left);
      const asked = mirror.origin.count(null);
      mirror.clock.aheadMs = 299_000;
      expect(await mirror.redirect(path)).toMatchObject(left);
      expect(mirror.origin.count(null)).toBe(asked);
      expect(mirror.gate.count(ENQUEUE)).toBe(0);
      const url = new URL(mirror.origin.url(path));
      const { redirect } = await mirror.manager.status('local', 'here', url);
      expect(redirect).toMatchObject({ to: 'origin', location: url.href });
      expect(redirect.why).toMatch(/answered (?:204|300)|its answer|cookie/);
    },
  );

  test('is asked again at once for a revalidation', async () => {
    const path = '/answers/10?head=204&get=204';
    await mirror.redirect(path);
    const asked = mirror.origin.count(null);
    await mirror.redirect(path, { revalidate: true });
    expect(mirror.origin.count(null)).toBe(2 * asked);
  });

  test.each([
    '/answers/10?head=404',
    '/answers/10?head=500',
    '/answers/10?head=204',
    '/answers/10?headHeader=Vary%3A%20*',
  ])('no: its HEAD alone, %s, decides nothing', async (path) => {
    const waiting = mirror.redirect(path);
    await mirror.copyNext();
    expect(await waiting).toMatchObject({ kind: 'present' });
  });
});

describe('a copy that failed after a good HEAD', () => {
  const PATH = '/bytes/100';
  /** Takes the job of the waiting request, as a copier does, and records a failure. */
  async function failCopy(
    error: OriginError | StorageError,
    plan: { willRetry: boolean; retryAfterMs: number },
  ): Promise<void> {
    const { job, delivery } = await mirror.nextJob();
    const object = mirror.object(PATH);
    const token = `taken by ${delivery.id}`;
    await mirror.entries.take(object.id, { token, jobToken: job.token, leaseMs: 60_000 });
    await mirror.entries.fail(object.id, token, {
      ...describeFailure(error, TIMES),
      ...plan,
      ttlMs: plan.retryAfterMs + 1_000_000,
    });
    await delivery.retry(0);
  }

  const answered503 = new OriginError('origin_status', 'origin answered 503', {
    status: 503,
    host: 'origin',
  });
  const broken = new OriginError('origin_interrupted', 'the origin broke off');

  test('with a status of the origin gives the waiting request that status', async () => {
    const waiting = mirror.redirect(PATH);
    await failCopy(answered503, { willRetry: true, retryAfterMs: 4000 });
    expect(await waiting).toMatchObject({ kind: 'origin_status', status: 503, host: 'origin' });
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'origin_status', status: 503 });
  });

  test('is waited for if the next try is due within the wait', async () => {
    const waiting = mirror.redirect(PATH);
    await failCopy(broken, { willRetry: true, retryAfterMs: 2000 });
    await mirror.gate.seen({ part: 'entries', method: 'get' }, 4);
    expect(mirror.manager.waiting).toBe(1);
    await mirror.copyNext();
    expect(await waiting).toMatchObject({ kind: 'present', how: 'stored' });
  });

  test('is not waited for if the next try is due after the wait', async () => {
    const waiting = mirror.redirect(PATH);
    await failCopy(broken, { willRetry: true, retryAfterMs: 60_000 });
    expect(await waiting).toMatchObject({
      kind: 'origin',
      state: 'error',
      reason: 'copy_failed',
      message: 'the origin broke off',
    });
  });

  test('stays promised to a client that prefers an asynchronous answer if it will be tried again', async () => {
    const waiting = mirror.redirect(PATH);
    await failCopy(broken, { willRetry: true, retryAfterMs: 60_000 });
    await waiting;
    expect(await mirror.redirect(PATH, { waitMs: 0, respondAsync: true })).toMatchObject({
      kind: 'accepted',
    });
  });

  test('because of the store is answered with its public cause, without addresses and policies', async () => {
    const waiting = mirror.redirect(PATH);
    const denied = new StorageError(
      'store_forbidden',
      'PUT to 10.1.2.3: no policy allows arn:aws:iam::1:role/r',
    );
    await failCopy(denied, { willRetry: false, retryAfterMs: 60_000 });
    expect(await waiting).toMatchObject({
      reason: 'copy_failed',
      message: 'the object store refuses the mirror access',
    });
  });

  test.each(['store_missing', 'store_key_refused'] as const)(
    'that only an operator can fix is named and not waited for: %s',
    async (code) => {
      const waiting = mirror.redirect(PATH);
      const retry = { willRetry: true, retryAfterMs: 1000 };
      await failCopy(new StorageError(code, 'PUT to 10.1.2.3 failed'), retry);
      const expected = { kind: 'origin', state: 'error', reason: code };
      expect(await waiting).toMatchObject(expected);
      expect(await mirror.redirect(PATH)).toMatchObject(expected);
      expect(await mirror.redirect(PATH, { waitMs: 0, respondAsync: true })).toMatchObject(expected);
    },
  );

  test('is claimed again if no job retried it in time', async () => {
    const waiting = mirror.redirect(PATH);
    // By the real clock, the retry time and a copying lease have passed.
    mirror.clock.aheadMs = -200_000;
    await failCopy(broken, { willRetry: true, retryAfterMs: 1000 });
    mirror.clock.aheadMs = 0;
    await mirror.gate.seen({ part: 'queue here', method: 'enqueue' }, 2);
    await (await mirror.nextJob()).delivery.acknowledge();
    await mirror.copyNext();
    expect(await waiting).toMatchObject({ kind: 'present', how: 'stored', collapsed: false });
  });

  test('is not claimed if it is overdue by this process’s clock but not by the entry store’s', async () => {
    const waiting = mirror.redirect(PATH, { waitMs: 0 });
    mirror.clock.aheadMs = -200_000;
    await failCopy(broken, { willRetry: true, retryAfterMs: 1000 });
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'origin', reason: 'copy_failed' });
    await waiting;
  });
});
