import { EntryStoreError } from '@cloud-mirror/entry-store';
import { createSourcePolicy, OriginError } from '@cloud-mirror/origin';
import { orAborted } from '@cloud-mirror/waiting';
import { openMirror, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';
import { describe, expect, test } from 'vitest';

const GREEDY = { client: '192.0.2.1' };
const OTHER = { client: '198.51.100.1' };
const OVER_SHARE = { kind: 'origin', state: 'pending', reason: 'client_over_share' };

const allowAll = createSourcePolicy({
  requireTls: false,
  allow: [{ pattern: '^https?://[a-z0-9.-]+(?::[0-9]+)?/', privateAddresses: true }],
});

/** Inspections that a test lets go on; until then they hang. */
function hangingOrigin(busy: ReadonlySet<string> = new Set()) {
  const hanging: (() => void)[] = [];
  const inspected: { readonly url: string; readonly client: string | undefined }[] = [];
  const inspect: MirrorFixture['httpOrigin']['inspect'] = async (url, options) => {
    inspected.push({ url: url.pathname, client: options?.client });
    if (busy.has(url.pathname)) throw new OriginError('origin_busy', 'busy');
    const { promise, resolve } = Promise.withResolvers<void>();
    hanging.push(resolve);
    await orAborted(promise, options?.signal ?? new AbortController().signal);
    throw new OriginError('origin_status', 'answered 404', { status: 404 });
  };
  const release = (): void => hanging.splice(0).forEach((go) => go());
  return { inspect, hanging, inspected, release };
}

describe('look-ups of unknown objects', () => {
  test('leave places for other clients, and end with the look-ups', async () => {
    const origin = hangingOrigin();
    await using mirror = await openMirror({ missesAtOnce: 10, origin });
    const ask = (index: number) => mirror.redirect(`/bytes/${index}`, GREEDY);
    const held = Array.from({ length: 5 }, (_, index) => ask(index));
    await expect.poll(() => origin.hanging.length).toBe(5);
    const claims = () => mirror.gate.count({ part: 'entries', method: 'claim' });
    const claimed = claims();
    expect(await ask(5)).toMatchObject(OVER_SHARE);
    // It cost neither a claim nor a request to the origin.
    expect(claims()).toBe(claimed);
    const other = mirror.redirect('/bytes/100', OTHER);
    await expect.poll(() => origin.hanging.length).toBe(6);
    expect(origin.inspected.at(-1)).toEqual({ url: '/bytes/100', client: OTHER.client });
    origin.release();
    expect((await Promise.all(held)).map(({ kind }) => kind)).toEqual(Array(5).fill('origin_status'));
    expect(await other).toMatchObject({ kind: 'origin_status' });
    const again = ask(6);
    await expect.poll(() => origin.hanging.length).toBe(1);
    origin.release();
    expect(await again).toMatchObject({ kind: 'origin_status' });
  });

  test('of one origin leave places for other origins', async () => {
    const origin = hangingOrigin();
    await using mirror = await openMirror({ missesAtOnce: 10, origin, policy: allowAll });
    const held = Array.from({ length: 8 }, (_, index) =>
      mirror.redirect(`/bytes/${index}`, { client: `${index}` }),
    );
    await expect.poll(() => origin.hanging.length).toBe(8);
    expect(await mirror.redirect('/bytes/8', { client: '8' })).toMatchObject({ reason: 'origin_busy' });
    const url = new URL('https://another.example/object');
    const other = mirror.redirect('/', { client: '9', url, object: null });
    await expect.poll(() => origin.hanging.length).toBe(9);
    origin.release();
    await Promise.all([...held, other]);
  });

  test('are not limited by shares for a request without a client', async () => {
    const origin = hangingOrigin();
    await using mirror = await openMirror({ missesAtOnce: 3, origin });
    const held = Array.from({ length: 3 }, (_, index) => mirror.redirect(`/bytes/${index}`));
    await expect.poll(() => origin.hanging.length).toBe(3);
    expect(await mirror.redirect('/bytes/3')).toMatchObject({ reason: 'too_many_waiting' });
    origin.release();
    await Promise.all(held);
  });
});

describe('requests that wait', () => {
  test('leave places for other clients', async () => {
    await using mirror = await openMirror({ maxWaiting: 8 });
    const held = Array.from({ length: 4 }, () => mirror.redirect('/bytes/1', GREEDY));
    await expect.poll(() => mirror.manager.waiting).toBe(4);
    expect(await mirror.redirect('/bytes/1', GREEDY)).toMatchObject(OVER_SHARE);
    const other = mirror.redirect('/bytes/1', OTHER);
    await expect.poll(() => mirror.manager.waiting).toBe(5);
    await mirror.copyNext();
    for (const outcome of await Promise.all([...held, other]))
      expect(outcome).toMatchObject({ kind: 'present' });
    // The places are free again.
    const again = mirror.redirect('/bytes/2', GREEDY);
    await expect.poll(() => mirror.manager.waiting).toBe(1);
    await mirror.copyNext();
    expect(await again).toMatchObject({ kind: 'present' });
  });

  test('leave none behind when their clients disconnect', async () => {
    await using mirror = await openMirror({ maxWaiting: 8 });
    for (let round = 0; round < 3; round += 1) {
      const gone = new AbortController();
      const held = Array.from({ length: 4 }, () =>
        mirror.redirect('/bytes/1', { ...GREEDY, signal: gone.signal }),
      );
      await expect.poll(() => mirror.manager.waiting).toBe(4);
      gone.abort();
      await Promise.all(held);
      expect(mirror.manager.waiting).toBe(0);
    }
  });
});

describe('a busy origin', () => {
  test('is not remembered: the next request asks it again', async () => {
    const busy = new Set(['/bytes/1']);
    const origin = hangingOrigin(busy);
    await using mirror = await openMirror({ origin });
    const redirected = {
      kind: 'origin',
      state: 'pending',
      reason: 'origin_busy',
      location: mirror.origin.url('/bytes/1'),
    };
    expect(await mirror.redirect('/bytes/1')).toMatchObject(redirected);
    expect(await mirror.entries.get(mirror.object('/bytes/1').id)).toBeNull();
    expect(await mirror.redirect('/bytes/1')).toMatchObject(redirected);
    busy.clear();
    const asked = mirror.redirect('/bytes/1');
    await expect.poll(() => origin.hanging.length).toBe(1);
    origin.release();
    expect(await asked).toMatchObject({ kind: 'origin_status', status: 404 });
    expect(await mirror.waitingJobs()).toBe(0);
  });
});

test('look-ups without the entry store leave places for other clients', async () => {
  await using mirror = await openMirror();
  using _down = mirror.gate.fail({ part: 'entries' }, () => new EntryStoreError('the entry store is down'));
  const holds: { readonly resume: () => void; readonly reached: Promise<void> }[] = [];
  const ask = (index: number, client: string) => mirror.redirect(`/bytes/${index}`, { client });
  const held = [];
  for (let index = 0; index < 128; index += 1) {
    const hold = mirror.gate.pause({ part: 'store here', method: 'head' });
    holds.push(hold);
    held.push(ask(index, GREEDY.client));
    await hold.reached;
  }
  expect(await ask(128, GREEDY.client)).toMatchObject({ reason: 'entries_unavailable' });
  const before = mirror.gate.count({ part: 'store here', method: 'head' });
  expect(await ask(129, OTHER.client)).toMatchObject({ kind: 'origin' });
  expect(mirror.gate.count({ part: 'store here', method: 'head' })).toBeGreaterThan(before);
  for (const hold of holds) hold.resume();
  await Promise.all(held);
});
