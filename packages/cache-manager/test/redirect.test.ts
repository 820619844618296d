import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RedirectOutcome } from '../src/index.ts';
import { LONG_MS, openMirror, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';

const PATH = '/bytes/100';
const CLAIM = { part: 'entries', method: 'claim' };
const ENQUEUE = { part: 'queue here', method: 'enqueue' };

let mirror: MirrorFixture;
beforeEach(async () => {
  mirror = await openMirror();
});
afterEach(() => mirror[Symbol.asyncDispose]());

/** Waits until `count` requests wait for a change of the entry. */
async function untilWaiting(count: number): Promise<void> {
  while (mirror.manager.waiting < count) await new Promise(setImmediate);
}

describe('a copy that is in the store', () => {
  test('is found by HEAD if it has no entry, and by the entry after that', async () => {
    await mirror.store(PATH);
    const expected: RedirectOutcome = {
      kind: 'present',
      location: await mirror.address(PATH),
      access: 'public',
      how: 'hit',
      collapsed: false,
      sha256: null,
    };
    expect(await mirror.redirect(PATH)).toEqual(expected);
    expect(mirror.gate.count({ part: 'store here', method: 'head' })).toBe(2);
    expect(await mirror.redirect(PATH)).toEqual(expected);
    expect(mirror.gate.count({ part: 'store here', method: 'head' })).toBe(2);
    expect(mirror.gate.count(ENQUEUE)).toBe(0);
  });

  test.each([30, -30])(
    'is found if this machine is %i hours ahead of the store, and stays in memory',
    async (hours) => {
      mirror.here.objects.aheadMs = hours * 3_600_000;
      mirror.clock.aheadMs = -mirror.here.objects.aheadMs;
      await using remembering = mirror.otherManager({ remembersHits: true });
      await mirror.store(PATH);
      const redirect = () => remembering.redirect(mirror.request(PATH));
      expect(await redirect()).toMatchObject({ kind: 'present', how: 'hit' });
      expect(await redirect()).toMatchObject({ kind: 'present', how: 'hit' });
      // The seal may have to be read first. An entry that counts as ended would never be remembered.
      while (remembering.recallHit(mirror.object(PATH)) === null) await redirect();
      expect(await mirror.waitingJobs()).toBe(0);
    },
  );

  test('is at the key of its generation if the object was purged', async () => {
    await mirror.purgeElsewhere(PATH);
    const generation = await mirror.generationOf(PATH);
    await mirror.store(PATH, '');
    await mirror.store(PATH, generation);
    expect(await mirror.redirect(PATH)).toMatchObject({
      kind: 'present',
      location: await mirror.address(PATH, generation),
    });
  });

  test.each([{ waitMs: 0 }, { waitMs: 0, respondAsync: true }])(
    'is the answer even to a client that does not want to wait: %o',
    async (options) => {
      await mirror.store(PATH);
      expect(await mirror.redirect(PATH, options)).toMatchObject({ kind: 'present', how: 'hit' });
      expect(await mirror.redirect(PATH, options)).toMatchObject({ kind: 'present', how: 'hit' });
    },
  );

  test.each(['GET', 'HEAD'] as const)('has an address that is signed for the method %s', async (method) => {
    await mirror.store(PATH);
    mirror.here.objects.access = 'signed';
    const found = await mirror.redirect(PATH, { method });
    const again = await mirror.redirect(PATH, { method });
    for (const outcome of [found, again])
      expect(outcome).toMatchObject({
        kind: 'present',
        access: 'signed',
        location: expect.stringContaining(`?signed-for=${method}`) as string,
      });
  });
});

describe('a missing copy', () => {
  test('is made while the client waits', async () => {
    const waiting = mirror.redirect(PATH);
    const job = await mirror.copyNext();
    expect(job).toMatchObject({ url: mirror.origin.url(PATH), generation: '', requestId: 'request-1' });
    expect(await waiting).toMatchObject({
      kind: 'present',
      location: await mirror.address(PATH),
      how: 'stored',
      collapsed: false,
    });
  });

  test('counts as stored even if it was made before the request began to wait', async () => {
    using enqueued = mirror.gate.pause(ENQUEUE, 'answer');
    const waiting = mirror.redirect(PATH);
    await enqueued.reached;
    await mirror.copyNext();
    enqueued.resume();
    expect(await waiting).toMatchObject({ kind: 'present', how: 'stored', collapsed: false });
  });

  test('is requested by one job for five hundred concurrent first requests, which all get it', async () => {
    const requests = Array.from({ length: 500 }, () => mirror.redirect(PATH));
    await untilWaiting(500);
    await mirror.copyNext();
    const outcomes = await Promise.all(requests);
    const location = await mirror.address(PATH);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ kind: 'present', location, how: 'stored' });
    const collapsed = outcomes.filter((outcome) => outcome.kind === 'present' && outcome.collapsed);
    expect(collapsed).toHaveLength(499);
    expect(mirror.gate.count(ENQUEUE)).toBe(1);
    expect(mirror.origin.count('HEAD')).toBe(1);
    expect(mirror.manager.waiting).toBe(0);
  });

  test('is requested by a job even if the client does not wait', async () => {
    expect(await mirror.redirect(PATH, { waitMs: 0 })).toMatchObject({
      kind: 'origin',
      location: mirror.origin.url(PATH),
      state: 'pending',
      reason: 'not_waiting',
    });
    await mirror.copyNext();
    expect(await mirror.redirect(PATH, { waitMs: 0 })).toMatchObject({ kind: 'present', how: 'hit' });
  });

  test('does not keep a client that does not wait until the origin answers', async () => {
    using inspecting = mirror.gate.pause({ part: 'origin' });
    expect(await mirror.redirect(PATH, { waitMs: 0 })).toMatchObject({ reason: 'not_waiting' });
    await inspecting.reached;
    expect(await mirror.redirect(PATH, { waitMs: 0 })).toMatchObject({ reason: 'not_waiting' });
  });

  test('is promised to a client that prefers an asynchronous answer', async () => {
    expect(await mirror.redirect(PATH, { waitMs: 0, respondAsync: true })).toMatchObject({
      kind: 'accepted',
      retryAfterSeconds: expect.any(Number) as number,
    });
    expect(await mirror.redirect(PATH, { waitMs: 1, respondAsync: true })).toMatchObject({
      kind: 'accepted',
    });
    await mirror.gate.seen(ENQUEUE);
    expect(mirror.gate.count(ENQUEUE)).toBe(1);
  });

  test('redirects the client to the origin when the wait is over, and is still made', async () => {
    const first = await mirror.redirect(PATH, { waitMs: 300 });
    expect(first).toMatchObject({ kind: 'origin', state: 'pending', reason: 'wait_over' });
    await mirror.copyNext();
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'present' });
  });

  test('is still made for a client that disconnected', async () => {
    const client = new AbortController();
    const waiting = mirror.redirect(PATH, { signal: client.signal });
    await untilWaiting(1);
    client.abort();
    expect(await waiting).toMatchObject({ kind: 'origin', reason: 'wait_over' });
    expect(mirror.manager.waiting).toBe(0);
    await mirror.copyNext();
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'present' });
  });

  test('is waited for by at most maxWaiting requests, and the others get the origin at once', async () => {
    await using small = await openMirror({ maxWaiting: 1 });
    const waiting = small.redirect(PATH);
    while (small.manager.waiting < 1) await new Promise(setImmediate);
    expect(await small.redirect(PATH)).toMatchObject({
      kind: 'origin',
      state: 'pending',
      reason: 'too_many_waiting',
      location: small.origin.url(PATH),
    });
    await small.copyNext();
    expect(await waiting).toMatchObject({ kind: 'present' });
  });

  test('is waited for by at most maxWaiting requests even before the origin answers, and is made for the others too', async () => {
    await using small = await openMirror({ maxWaiting: 1 });
    using asking = small.gate.pause({ part: 'origin', method: 'inspect' });
    const waiting = small.redirect('/bytes/1');
    await asking.reached;
    expect(await small.redirect('/bytes/2')).toMatchObject({ kind: 'origin', reason: 'too_many_waiting' });
    await small.store('/bytes/3');
    expect(await small.redirect('/bytes/3')).toMatchObject({ kind: 'present', how: 'hit' });
    asking.resume();
    await small.copyNext();
    await small.copyNext();
    expect(await waiting).toMatchObject({ kind: 'present' });
    expect(await small.redirect('/bytes/2')).toMatchObject({ kind: 'present' });
  });

  test('is not requested beyond the limit of concurrent misses', async () => {
    await using small = await openMirror({ missesAtOnce: 1 });
    using asking = small.gate.pause({ part: 'origin', method: 'inspect' });
    const first = small.redirect('/bytes/1');
    await asking.reached;
    expect(await small.redirect('/bytes/2')).toMatchObject({ kind: 'origin', reason: 'too_many_waiting' });
    expect(small.gate.count({ part: 'entries', method: 'claim' })).toBe(1);
    asking.resume();
    await small.copyNext();
    expect(await first).toMatchObject({ kind: 'present' });
    const second = small.redirect('/bytes/2');
    await small.copyNext();
    expect(await second).toMatchObject({ kind: 'present' });
  });

  test('is found even if it was made between the read of the entry and the wait', async () => {
    await mirror.redirect(PATH, { waitMs: 0 });
    using read = mirror.gate.pause({ part: 'entries', method: 'get' }, 'answer');
    const waiting = mirror.redirect(PATH);
    await read.reached;
    await mirror.copyNext();
    read.resume();
    expect(await waiting).toMatchObject({ kind: 'present', how: 'stored', collapsed: true });
  });

  test('is found by the slow poll if the change message was lost', async () => {
    await using deaf = await openMirror({ pollMs: 5 });
    deaf.entries.deaf = true;
    const waiting = deaf.redirect(PATH);
    await deaf.copyNext();
    expect(await waiting).toMatchObject({ kind: 'present', how: 'stored' });
  });
});

test('another region is another object', async () => {
  await mirror.store(PATH);
  expect(await mirror.redirect(PATH, { region: 'there', waitMs: 0 })).toMatchObject({ kind: 'origin' });
  expect(await mirror.redirect(PATH, { waitMs: LONG_MS })).toMatchObject({ kind: 'present' });
});

test('an unknown service or region is refused with the known ones, without any call', async () => {
  const known = ['local/here', 'local/there'];
  expect(await mirror.redirect(PATH, { region: 'nowhere' })).toEqual({ kind: 'unknown_backend', known });
  expect(await mirror.redirect(PATH, { service: 'other' })).toEqual({ kind: 'unknown_backend', known });
  expect(mirror.gate.count({ part: 'entries' })).toBe(0);
});

test('a URL that is not an allowed source is refused without any call', async () => {
  const url = new URL('http://elsewhere.example/x');
  expect(await mirror.redirect(PATH, { url })).toMatchObject({
    kind: 'not_allowed',
    message: expect.stringContaining('elsewhere.example') as string,
  });
  expect(mirror.gate.count(CLAIM)).toBe(0);
  expect(mirror.gate.count({ part: 'entries' })).toBe(0);
});
