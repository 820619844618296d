import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { QueueError } from '@cloud-mirror/job-queue';
import { StorageError } from '@cloud-mirror/storage-provider';
import { EntryStoreError, MemoryEntryStore } from '@cloud-mirror/entry-store';
import { openMirror, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';

const PATH = '/bytes/100';
const STORE = { part: 'store here' };
const ENQUEUE = { part: 'queue here', method: 'enqueue' };
const storeDown = (): Error => new StorageError('store_unavailable', 'the store is down');
const forbidden = (): Error => new StorageError('store_forbidden', '403');
const queueDown = (): Error => new QueueError('queue_unavailable', 'the queue is down');
const entriesDown = (): Error => new EntryStoreError('the entry store is down');

let mirror: MirrorFixture;
const failures: string[] = [];
beforeEach(async () => {
  failures.length = 0;
  mirror = await openMirror({
    events: { partFailed: (part, backend) => failures.push(`${part} ${backend ?? 'all'}`) },
  });
  // The first request waits for the marker list. These tests are about later requests.
  await mirror.redirect('/status/404');
});
afterEach(() => mirror[Symbol.asyncDispose]());

const entry = (): ReturnType<MirrorFixture['entries']['get']> => mirror.entries.get(mirror.object(PATH).id);

describe('without the object store', () => {
  test.each([
    ['down', storeDown],
    ['forbidden, which never counts as absent', forbidden],
  ])('%s: the client gets the origin and the claim is released', async (_, error) => {
    {
      using _down = mirror.gate.fail({ ...STORE, method: 'head' }, error);
      expect(await mirror.redirect(PATH)).toMatchObject({
        kind: 'origin',
        location: mirror.origin.url(PATH),
        state: 'error',
        reason: 'store_unavailable',
      });
      expect(await entry()).toBeNull();
      expect(mirror.gate.count(ENQUEUE)).toBe(0);
      expect(failures).toContain('store local/here');
    }
    await mirror.store(PATH);
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'present' });
  });

  test('a store that does not answer delays a request no longer than its wait', async () => {
    using _hung = mirror.gate.pause(STORE);
    expect(await mirror.redirect(PATH, { waitMs: 50 })).toMatchObject({
      kind: 'origin',
      reason: 'wait_over',
    });
  });

  test('several slow parts share one time limit, and no look-up begins after it', async () => {
    await mirror.store(PATH);
    using _slow = mirror.gate.fail({ part: 'entries', method: 'get' }, entriesDown);
    const begun = mirror.gate.count({ ...STORE, method: 'head' });
    const late = { waitMs: 1500, arrivedAtMs: performance.now() - 1501 };
    expect(await mirror.redirect(PATH, late)).toMatchObject({
      kind: 'origin',
      reason: 'entries_unavailable',
    });
    expect(mirror.gate.count({ ...STORE, method: 'head' })).toBe(begun);
  });

  test('a present entry is still answered', async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    using _down = mirror.gate.fail({ ...STORE, method: 'head' }, storeDown);
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'present', how: 'hit' });
  });

  test('the client gets the origin if no address can be made', async () => {
    await mirror.store(PATH);
    using _down = mirror.gate.fail({ ...STORE, method: 'urlFor' }, storeDown);
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'origin', reason: 'store_unavailable' });
  });
});

describe('without the bucket or folder', () => {
  const LIST = { ...STORE, method: 'list' };
  const missing = (): Error => new StorageError('store_missing', 'there is no bucket');

  /** Lists markers continually. HEADs get a 404 without a code, as from S3. */
  async function withoutBucket(): Promise<MirrorFixture & { readonly bucketMade: () => void }> {
    const often = await openMirror({ markerListMs: 2 });
    await often.redirect('/status/404');
    const failing = often.gate.fail(LIST, missing);
    const lists = often.gate.count(LIST);
    await expect.poll(() => often.gate.count(LIST)).toBeGreaterThan(lists + 2);
    return { ...often, bucketMade: () => failing[Symbol.dispose]() };
  }

  test('the client gets the origin with the reason, and no job is sent', async () => {
    await using bare = await withoutBucket();
    expect(await bare.redirect(PATH)).toMatchObject({ kind: 'origin', reason: 'store_missing' });
    expect(bare.gate.count(ENQUEUE)).toBe(0);
    expect(await bare.entries.get(bare.object(PATH).id)).toBeNull();
  });

  test('the same holds before any list was read', async () => {
    using _missing = mirror.gate.fail(LIST, missing);
    mirror.entries.replace(new MemoryEntryStore());
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'origin', reason: 'store_missing' });
    expect(mirror.gate.count(ENQUEUE)).toBe(0);
  });

  test('the same holds without the entry store', async () => {
    await using bare = await withoutBucket();
    using _down = bare.gate.fail({ part: 'entries' }, entriesDown);
    expect(await bare.redirect(PATH)).toMatchObject({ kind: 'origin', reason: 'store_missing' });
    expect(bare.gate.count(ENQUEUE)).toBe(0);
  });

  test('the status states the reason', async () => {
    await using bare = await withoutBucket();
    const report = await bare.manager.status('local', 'here', new URL(bare.origin.url(PATH)));
    expect(report.redirect).toMatchObject({
      to: 'origin',
      why: expect.stringContaining('no such bucket') as string,
    });
  });

  test('the first request after the bucket was created gets its copy', async () => {
    await using bare = await withoutBucket();
    expect(await bare.redirect(PATH)).toMatchObject({ reason: 'store_missing' });
    bare.bucketMade();
    const waiting = bare.redirect(PATH);
    await bare.copyNext();
    expect(await waiting).toMatchObject({ kind: 'present', how: 'stored' });
  });
});

describe('without the queue', () => {
  test('the claim is released, the client gets the origin, and a later request tries again', async () => {
    {
      using _down = mirror.gate.fail(ENQUEUE, queueDown);
      expect(await mirror.redirect(PATH)).toMatchObject({
        kind: 'origin',
        state: 'error',
        reason: 'queue_unavailable',
      });
      expect(await entry()).toBeNull();
      expect(failures).toEqual(['queue local/here']);
    }
    const waiting = mirror.redirect(PATH);
    await mirror.copyNext();
    expect(await waiting).toMatchObject({ kind: 'present', how: 'stored' });
  });
});

describe('an entry store whose time limit is longer than the remaining time of the request', () => {
  test.each(['get', 'claim'])(
    'a slow %s: the client gets its answer in time, and no claim remains',
    async (method) => {
      using slow = mirror.gate.pause({ part: 'entries', method });
      expect(await mirror.redirect(PATH, { waitMs: 0 })).toMatchObject({
        kind: 'origin',
        reason: expect.stringMatching(/_unavailable$/) as string,
      });
      slow.resume();
      await expect.poll(entry).toBeNull();
    },
  );
});

describe('without the entry store', () => {
  let down: Disposable;
  beforeEach(() => {
    down = mirror.gate.fail({ part: 'entries' }, entriesDown);
  });

  test('a copy is found in the object store', async () => {
    await mirror.store(PATH);
    expect(await mirror.redirect(PATH)).toMatchObject({
      kind: 'present',
      location: await mirror.address(PATH),
      how: 'hit',
    });
    expect(failures).toContain('entries all');
  });

  test('a missing copy leads to the origin and to one job a minute for each object', async () => {
    for (let time = 0; time < 5; time++)
      expect(await mirror.redirect(PATH)).toMatchObject({
        kind: 'origin',
        state: 'error',
        reason: 'entries_unavailable',
      });
    await mirror.redirect('/bytes/200');
    expect(mirror.gate.count(ENQUEUE)).toBe(2);
    const first = await mirror.nextJob();
    const second = await mirror.nextJob();
    expect([first.job.url, second.job.url]).toEqual([
      mirror.origin.url(PATH),
      mirror.origin.url('/bytes/200'),
    ]);
    expect(first.job.token).not.toBe(second.job.token);
  });

  test('a job that could not be sent is sent by the next request', async () => {
    {
      using _down = mirror.gate.fail(ENQUEUE, queueDown);
      await mirror.redirect(PATH);
      await mirror.gate.seen(ENQUEUE);
    }
    await mirror.redirect(PATH);
    expect((await mirror.nextJob()).job.url).toBe(mirror.origin.url(PATH));
  });

  test('a client that prefers an asynchronous answer is promised the copy', async () => {
    expect(await mirror.redirect(PATH, { respondAsync: true, waitMs: 0 })).toMatchObject({
      kind: 'accepted',
    });
  });

  test('the client gets the origin if the object store does not answer either', async () => {
    using _down = mirror.gate.fail(STORE, storeDown);
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'origin', reason: 'store_unavailable' });
  });

  test('a store that does not answer delays a request no longer than its wait', async () => {
    using _hung = mirror.gate.pause(STORE);
    expect(await mirror.redirect(PATH, { waitMs: 50 })).toMatchObject({
      kind: 'origin',
      reason: 'store_unavailable',
    });
  });

  test('requests for one object share look-ups, and the number of concurrent look-ups is limited', async () => {
    await mirror.store(PATH);
    using first = mirror.gate.pause({ ...STORE, method: 'head', subject: mirror.object(PATH).markerKey });
    const before = mirror.gate.count({ ...STORE, method: 'head' });
    const requests = Array.from({ length: 100 }, () => mirror.redirect(PATH));
    await first.reached;
    first.resume();
    for (const outcome of await Promise.all(requests)) expect(outcome).toMatchObject({ kind: 'present' });
    // The running look-up and the one that all other requests share take two HEADs each.
    expect(mirror.gate.count({ ...STORE, method: 'head' }) - before).toBe(4);

    const paths = Array.from({ length: 257 }, (_, index) => `/bytes/${index + 1000}`);
    const held = paths.map((path) =>
      mirror.gate.pause({ ...STORE, method: 'head', subject: mirror.object(path).markerKey }),
    );
    const outcomes = paths.map((path) => mirror.redirect(path));
    expect(await Promise.race(outcomes)).toMatchObject({ kind: 'origin', reason: 'entries_unavailable' });
    for (const pause of held) pause.resume();
    await Promise.all(outcomes);
  });

  test('requests are answered as before when it is back', async () => {
    await mirror.redirect(PATH);
    await (await mirror.nextJob()).delivery.acknowledge();
    down[Symbol.dispose]();
    const waiting = mirror.redirect(PATH);
    await mirror.copyNext();
    expect(await waiting).toMatchObject({ kind: 'present', how: 'stored' });
  });
});

describe('an entry store that fails during a request', () => {
  test.each(['claim', 'commit'])('at the %s: the object store decides', async (method) => {
    await mirror.store(PATH);
    using away = new DisposableStack();
    using _failing = mirror.gate.fail({ part: 'entries', method }, () => {
      away.use(mirror.gate.fail({ part: 'entries', method: 'get' }, entriesDown));
      return entriesDown();
    });
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'present', how: 'hit' });
  });

  test('at the release after a failure: the client gets the origin', async () => {
    using _queue = mirror.gate.fail(ENQUEUE, queueDown);
    using _entries = mirror.gate.fail({ part: 'entries', method: 'release' }, entriesDown);
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'origin', reason: 'queue_unavailable' });
  });

  test('when the origin’s answer should be remembered: the client gets that answer', async () => {
    using _entries = mirror.gate.fail({ part: 'entries', method: 'fail' }, entriesDown);
    expect(await mirror.redirect('/status/410')).toMatchObject({ kind: 'origin_status', status: 410 });
  });
});

describe('an unexpected error of a part rejects the request as a defect', () => {
  test.each([
    ['entries', 'get'],
    ['entries', 'claim'],
    ['store here', 'head'],
    ['origin', 'inspect'],
    ['queue here', 'enqueue'],
  ])('%s, %s', async (part, method) => {
    {
      using _defect = mirror.gate.fail({ part, method }, () => new TypeError('a defect'));
      await expect(mirror.redirect(PATH)).rejects.toThrow('a defect');
    }
    // It leaves no claim behind.
    expect(await mirror.entries.get(mirror.object(PATH).id)).toBeNull();
  });

  test.each([
    ['a revalidation', { revalidate: true }, 'head'],
    ['an address', {}, 'urlFor'],
  ])('in %s', async (_what, wish, method) => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    using _defect = mirror.gate.fail({ part: 'store here', method }, () => new TypeError('a defect'));
    await expect(mirror.redirect(PATH, wish)).rejects.toThrow('a defect');
  });
});
