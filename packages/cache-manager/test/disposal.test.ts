import { expect, test, vi } from 'vitest';
import { MarkerLists } from '../src/marker-lists.ts';
import { Miss } from '../src/miss.ts';
import { openMirror, TIMES } from '@cloud-mirror/testing/mirror-fixture';

const PATH = '/bytes/100';

test('disposal ends all waits and the subscription', async () => {
  await using mirror = await openMirror();
  const waiting = [mirror.redirect(PATH), mirror.redirect(PATH, { respondAsync: true })];
  while (mirror.manager.waiting < 2) await new Promise(setImmediate);
  await mirror.manager[Symbol.asyncDispose]();
  expect(await Promise.all(waiting)).toMatchObject([
    { kind: 'origin', reason: 'wait_over' },
    { kind: 'accepted' },
  ]);
  expect(mirror.manager.waiting).toBe(0);
  expect(mirror.entries.listening).toBe(0);
});

test('disposal waits for the background work of clients that did not wait', async () => {
  await using mirror = await openMirror();
  using enqueuing = mirror.gate.pause({ part: 'queue here', method: 'enqueue' });
  await mirror.redirect(PATH, { waitMs: 0 });
  await enqueuing.reached;
  const ended = mirror.manager[Symbol.asyncDispose]();
  enqueuing.resume();
  await ended;
  expect(await mirror.waitingJobs()).toBe(1);
});

test('a request to the origin that disposal aborts is not remembered as the origin’s failure', async () => {
  await using mirror = await openMirror();
  const object = mirror.object('/head-405/100');
  await using markers = new MarkerLists(new Map([[mirror.here.name, mirror.here]]), () => undefined);
  const miss = new Miss({ entries: mirror.entries, origin: mirror.httpOrigin, times: TIMES, markers });
  using hold = mirror.origin.hold('/head-405/100');
  await mirror.entries.claim(object.id, { token: 'mine', leaseMs: 60_000, copyingLeaseMs: 60_000 });
  const ended = new AbortController();
  const claim = { token: 'mine', epoch: mirror.entries.epoch, requestId: 'request-1', sentGeneration: null };
  const resolved = miss.resolve(object, claim, ended.signal, () => undefined);
  await hold.arrived;
  ended.abort();
  expect(await resolved).toEqual({ kind: 'start_over' });
  expect(await mirror.entries.get(object.id)).toBeNull();
});

test('disposal stops the reading of the marker lists', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    await using mirror = await openMirror();
    expect(vi.getTimerCount()).toBe(1);
    await mirror.manager[Symbol.asyncDispose]();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
