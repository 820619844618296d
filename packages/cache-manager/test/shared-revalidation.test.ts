import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { copyKey } from '@cloud-mirror/mirrored-objects';
import { openMirror, TIMES, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';
import { Revalidations } from '../src/revalidations.ts';

const PATH = '/bytes/100';
const ABSENT = '/status/404';
const HEAD = { part: 'store here', method: 'head' };
const INSPECT = { part: 'origin', method: 'inspect' };
const CHECK = { revalidate: true };

let opened: AsyncDisposableStack;
beforeEach(() => {
  opened = new AsyncDisposableStack();
});
afterEach(() => opened.disposeAsync());

async function open(revalidateSeconds: number): Promise<MirrorFixture> {
  return opened.use(await openMirror({ times: { ...TIMES, revalidateSeconds } }));
}

async function openWithCopy(revalidateSeconds: number): Promise<MirrorFixture> {
  const mirror = await open(revalidateSeconds);
  await mirror.store(PATH);
  await mirror.redirect(PATH);
  return mirror;
}

/** What `calls` cost: HEADs of the store, and requests to the origin. */
async function costOf(mirror: MirrorFixture, calls: () => Promise<unknown>): Promise<[number, number]> {
  const before = [mirror.gate.count(HEAD), mirror.gate.count(INSPECT)] as const;
  await calls();
  return [mirror.gate.count(HEAD) - before[0], mirror.gate.count(INSPECT) - before[1]];
}

const times = (count: number, call: () => Promise<unknown>) => async (): Promise<void> => {
  for (let time = 0; time < count; time += 1) await call();
};
const atOnce = (count: number, call: () => Promise<unknown>) => (): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, call));

describe('checks of a copy', () => {
  test('at once are one', async () => {
    const mirror = await openWithCopy(3600);
    const check = () => mirror.redirect(PATH, CHECK);
    expect(await costOf(mirror, atOnce(50, check))).toEqual([2, 0]);
  });

  test('begin once in the interval, and each time without one', async () => {
    const rare = await openWithCopy(3600);
    expect(
      await costOf(
        rare,
        times(5, () => rare.redirect(PATH, CHECK)),
      ),
    ).toEqual([2, 0]);
    const always = await openWithCopy(0);
    expect(
      await costOf(
        always,
        times(5, () => always.redirect(PATH, CHECK)),
      ),
    ).toEqual([10, 0]);
  });

  test('begin once in the interval for all front ends together', async () => {
    const mirror = await openWithCopy(3600);
    await mirror.otherManager().redirect(mirror.request(PATH, CHECK));
    expect(await costOf(mirror, () => mirror.redirect(PATH, CHECK))).toEqual([0, 0]);
  });

  test('without one, the request gets the entry as any other does', async () => {
    const mirror = await openWithCopy(3600);
    await mirror.redirect(PATH, CHECK);
    await mirror.here.objects.delete(copyKey(mirror.object(PATH), ''));
    expect(await mirror.redirect(PATH, CHECK)).toMatchObject({ kind: 'present', how: 'hit' });
  });

  test('a request that joins one gets what it finds', async () => {
    const mirror = await openWithCopy(3600);
    await mirror.here.objects.delete(copyKey(mirror.object(PATH), ''));
    const waiting = [1, 2, 3].map(() => mirror.redirect(PATH, CHECK));
    await mirror.copyNext();
    for (const answer of await Promise.all(waiting))
      expect(answer).toMatchObject({ kind: 'present', how: 'stored' });
    expect(await mirror.waitingJobs()).toBe(0);
  });

  test('a request that joins one after a purge is not led to what was purged', async () => {
    const mirror = await openWithCopy(3600);
    using checking = mirror.gate.pause(HEAD, 'answer');
    const left = new AbortController();
    const before = mirror.redirect(PATH, { ...CHECK, signal: left.signal });
    await checking.reached;
    const purged = await mirror.address(PATH);
    await mirror.purgeElsewhere(PATH);
    const after = mirror.redirect(PATH, { ...CHECK, waitMs: 0 });
    checking.resume();
    const answer = await after;
    left.abort();
    await before;
    expect(answer.kind === 'present' ? answer.location : null).not.toBe(purged);
  });

  test('a client that leaves does not keep others from checking', async () => {
    const mirror = await openWithCopy(0);
    const left = new AbortController();
    using checking = mirror.gate.pause(HEAD);
    const leaving = mirror.redirect(PATH, { ...CHECK, signal: left.signal });
    await checking.reached;
    left.abort();
    await leaving;
    checking.resume();
    expect(await mirror.redirect(PATH, CHECK)).toMatchObject({ kind: 'present' });
  });
});

describe('checks of a negative answer', () => {
  async function openWithAnswer(revalidateSeconds: number): Promise<MirrorFixture> {
    const mirror = await open(revalidateSeconds);
    expect(await mirror.redirect(ABSENT)).toMatchObject({ kind: 'origin_status', status: 404 });
    return mirror;
  }

  test('at once are one', async () => {
    const mirror = await openWithAnswer(3600);
    const [, asked] = await costOf(
      mirror,
      atOnce(50, () => mirror.redirect(ABSENT, CHECK)),
    );
    expect(asked).toBe(1);
  });

  test('begin once in the interval, the first of them at once, and each time without one', async () => {
    const rare = await openWithAnswer(3600);
    const [, asked] = await costOf(
      rare,
      times(5, () => rare.redirect(ABSENT, CHECK)),
    );
    expect(asked).toBe(1);
    const always = await openWithAnswer(0);
    const [, each] = await costOf(
      always,
      times(5, () => always.redirect(ABSENT, CHECK)),
    );
    expect(each).toBe(5);
  });

  test('begin once in the interval for all front ends together', async () => {
    const mirror = await openWithAnswer(3600);
    await mirror.otherManager().redirect(mirror.request(ABSENT, CHECK));
    const answers: unknown[] = [];
    const [, asked] = await costOf(mirror, async () => answers.push(await mirror.redirect(ABSENT, CHECK)));
    expect(asked).toBe(0);
    expect(answers).toMatchObject([{ kind: 'origin_status', status: 404 }]);
  });

  test('leave the seal whole, under which hits are remembered', async () => {
    const mirror = await openWithAnswer(0);
    const before = await mirror.entries.seal();
    await mirror.redirect(ABSENT, CHECK);
    expect(await mirror.entries.seal()).toBe(before);
  });
});

describe('checks of many objects', () => {
  const idOf = (number: number) => ({ backend: 'local/here', sha256: String(number).padStart(64, '0') });

  test.each([
    [0, 64],
    [40, 24],
    [60, 4],
    [10_000, 4],
  ])('leave room for misses: with %i misses, %i checks', (misses, expected) => {
    const revalidations = new Revalidations({ intervalMs: 1_000, misses: () => misses });
    const turns = Array.from({ length: 200 }, (_, number) => revalidations.begin(idOf(number)));
    const begun = turns.filter(({ kind }) => kind === 'begun');
    expect(begun).toHaveLength(expected);
    for (const turn of begun) if (turn.kind === 'begun') turn.end();
    expect(revalidations.begin(idOf(1_000)).kind).toBe('begun');
  });
});
