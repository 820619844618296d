import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { copyKey } from '@cloud-mirror/mirrored-objects';
import { EntryStoreError } from '@cloud-mirror/entry-store';
import { StorageError } from '@cloud-mirror/storage-provider';
import { MAX_RECEIVE_COUNT, openCopier, TIMES, type CopierFixture } from './copier-fixture.ts';

const PATH = '/bytes/1000';
const HEAD = { part: 'store here', method: 'head' };
const OPEN = { part: 'origin', method: 'open' };
const QUEUE = { part: 'queue here' };
const entriesDown = (): Error => new EntryStoreError('the entry store is down');

let copier: CopierFixture;
beforeEach(async () => {
  copier = await openCopier();
});
afterEach(async () => {
  await copier[Symbol.asyncDispose]();
  // Whatever a job comes to: copiers never delete.
  expect(copier.mirror.gate.count({ method: 'delete' })).toBe(0);
});

/** Jobs that wait, are hidden, or are dead letters. */
const depth = (): Promise<unknown> => copier.mirror.here.queue.depth();
const DONE = { waiting: 0, inFlight: 0, deadLetters: 0 };

describe('a job of a claim that stands', () => {
  test('is copied, committed and acknowledged, in that order', async () => {
    await copier.sendClaimed(PATH);
    const result = await copier.runNext();
    const body = copier.mirror.origin.bodyOf(PATH);
    expect(result).toMatchObject({
      outcome: 'copied',
      present: true,
      copy: { generation: '', sizeBytes: 1000, sha256: body.sha256 },
    });
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present', generation: '', sha256: body.sha256 });
    expect(await depth()).toEqual(DONE);
    const { gate } = copier.mirror;
    const order = [
      { part: 'entries', method: 'take' },
      OPEN,
      { part: 'store here', method: 'put' },
      { part: 'entries', method: 'commit' },
      { ...QUEUE, method: 'acknowledge' },
    ].map((match) => gate.order(match));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order).not.toContain(-1);
    // The claim is its own: what the front end saw is known, nothing is asked again.
    expect(gate.count({ ...HEAD, subject: copier.mirror.object(PATH).markerKey })).toBe(0);
  });

  test('is copied at its second read where an ETag only looks like a digest of the bytes', async () => {
    const path = `${PATH}?etag=s3-other`;
    await copier.sendClaimed(path);
    const { sha256 } = copier.mirror.origin.bodyOf(path);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true, copy: { sha256 } });
    expect(copier.mirror.gate.count(OPEN)).toBe(2);
    expect(copier.refuted).toEqual([`ETag ${sha256}`]);
  });

  test('is copied at once where the ETag is the digest that it looks like', async () => {
    await copier.sendClaimed(`${PATH}?etag=s3`);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied' });
    expect(copier.mirror.gate.count(OPEN)).toBe(1);
    expect(copier.refuted).toEqual([]);
  });

  test('keeps the headers that belong to the bytes, and says where they came from', async () => {
    const path = '/bytes/500?type=text/x-log&disposition=inline&language=en&encoding=br';
    const { token } = await copier.sendClaimed(path);
    await copier.runNext();
    const stored = await copier.stored(path);
    expect(stored?.headers).toEqual({
      contentType: 'text/x-log',
      contentDisposition: 'inline',
      contentLanguage: 'en',
      contentEncoding: 'br',
    });
    expect(stored?.metadata).toMatchObject({
      'upstream-url': copier.mirror.origin.url(path),
      'upstream-etag': '"0-500"',
      'upstream-content-length': '500',
      'stored-at': expect.stringMatching(/^\d{4}-/) as string,
      hops: '0',
    });
    expect(stored?.metadata['token']).not.toBe(token);
  });

  test('keeps what the origin says of it, but not how long it may be kept', async () => {
    const path = '/bytes/500/app.zip?note=made+by+ci&cache=max-age%3D60&expires=0';
    await copier.sendClaimed(path);
    await copier.runNext();
    const stored = await copier.stored(path);
    expect(stored?.headers).toEqual({
      contentType: 'application/octet-stream',
      contentDisposition: 'inline; filename="app.zip"',
    });
    expect(stored?.metadata).toMatchObject({
      note: 'made by ci',
      'upstream-last-modified': 'Tue, 14 Nov 2023 22:13:20 GMT',
    });
  });

  test('does not name its lease to the readers of the store', async () => {
    const { token: ofClaim } = await copier.sendClaimed(PATH);
    await copier.runNext();
    const entry = await copier.entry(PATH);
    const { metadata } = (await copier.stored(PATH)) ?? {};
    expect(metadata?.['token']).toMatch(/^[0-9a-f]{32}$/);
    for (const token of [ofClaim, entry?.token ?? ''])
      expect(Object.values(metadata ?? {}).join()).not.toContain(token);
  });

  test('replaces an object that is shorter than its metadata says', async () => {
    const key = copyKey(copier.mirror.object(PATH), '');
    const short = {
      headers: { contentType: 'a/b' },
      sizeBytes: 5,
      metadata: () => ({ 'upstream-content-length': '500' }),
    };
    await copier.mirror.here.objects.put(key, Readable.from([Buffer.from('short')]), short);
    await copier.sendClaimed(PATH);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied' });
    expect((await copier.stored(PATH))?.sizeBytes).toBe(copier.mirror.origin.bodyOf(PATH).sizeBytes);
  });

  test('of unknown length says how many bytes it has', async () => {
    await copier.sendClaimed('/stream/5000');
    await copier.runNext();
    expect((await copier.stored('/stream/5000'))?.metadata['upstream-content-length']).toBe('5000');
  });

  test.each(['/stream/5000', '/no-type/10', '/redirect/3', '/bytes/0'])('is copied from %s', async (path) => {
    await copier.sendClaimed(path);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
    const stored = await copier.stored(path);
    expect(stored?.sizeBytes).toBe(
      path.startsWith('/redirect') ? 1024 : copier.mirror.origin.bodyOf(path).sizeBytes,
    );
    expect(stored?.headers.contentType).toBe('application/octet-stream');
  });

  test('is what a waiting client gets', async () => {
    const waiting = copier.mirror.redirect(PATH);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
    expect(await waiting).toMatchObject({
      kind: 'present',
      how: 'stored',
      collapsed: false,
      sha256: copier.mirror.origin.bodyOf(PATH).sha256,
    });
  });
});

describe('a job that comes too late', () => {
  test('for an entry that is present is acknowledged, and nothing else is asked', async () => {
    await copier.mirror.store(PATH);
    await copier.mirror.redirect(PATH);
    const heads = copier.mirror.gate.count(HEAD);
    await copier.send(PATH);
    expect(await copier.runNext()).toEqual({ outcome: 'already_there' });
    expect(await depth()).toEqual(DONE);
    expect(copier.mirror.gate.count(HEAD)).toBe(heads);
    expect(copier.mirror.gate.count(OPEN)).toBe(0);
  });

  test('for an object that another is copying is given back until that lease ends', async () => {
    const { id } = copier.mirror.object(PATH);
    await copier.mirror.entries.take(id, { token: 'another', jobToken: 'x', leaseMs: 30_000 });
    await copier.send(PATH);
    const result = await copier.runNext();
    expect(result).toMatchObject({ outcome: 'given_back' });
    if (result.outcome !== 'given_back') return;
    expect(result.delaySeconds).toBeGreaterThan(25);
    expect(result.delaySeconds).toBeLessThanOrEqual(30);
    expect(copier.mirror.gate.of({ ...QUEUE, method: 'retry' })[0]?.options).toBe(result.delaySeconds);
    expect(await copier.entry(PATH)).toMatchObject({ state: 'pending', token: 'another' });
    expect(await depth()).toMatchObject({ inFlight: 1, deadLetters: 0 });
  });

  test('for an object whose lease is about to end waits for that end, for a delivery is worth more', async () => {
    const { id } = copier.mirror.object(PATH);
    await copier.mirror.entries.take(id, { token: 'died', jobToken: 'x', leaseMs: 300 });
    await copier.send(PATH);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
  });

  test('for an object that another is copying ends with its last delivery, and is no dead letter', async () => {
    const { id } = copier.mirror.object(PATH);
    await copier.mirror.entries.take(id, { token: 'another', jobToken: 'x', leaseMs: 30_000 });
    await copier.send(PATH);
    for (let delivery = 1; delivery < MAX_RECEIVE_COUNT; delivery += 1)
      await (await copier.receive()).retry(0);
    expect(await copier.runNext()).toEqual({ outcome: 'left_to_another' });
    expect(await depth()).toEqual(DONE);
  });

  test('for the claim of another is done for that one, after a look into the store', async () => {
    await copier.sendClaimed(PATH);
    await copier.send(PATH, { token: 'earlier' });
    const [own, earlier] = await copier.mirror.here.queue.receive({ max: 2, waitSeconds: 0 });
    if (own === undefined || earlier === undefined) throw new Error('two jobs were sent');
    expect(await copier.run(earlier)).toMatchObject({ outcome: 'copied', present: true });
    expect(copier.mirror.gate.count(HEAD)).toBe(2);
    expect(await copier.run(own)).toEqual({ outcome: 'already_there' });
    expect(copier.mirror.origin.count('GET')).toBe(1);
  });
});

describe('without the entry store', () => {
  test('a job is done all the same, and comes again until it could be told', async () => {
    await copier.sendClaimed(PATH);
    {
      using _down = copier.mirror.gate.fail({ part: 'entries' }, entriesDown);
      const again = { againSeconds: expect.any(Number) as number };
      expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: false, ...again });
      expect(copier.failures).toEqual(['entries', 'entries']);
      expect(await copier.stored(PATH)).toMatchObject({ sizeBytes: 1000 });
      expect(await copier.runNext()).toEqual({ outcome: 'already_there', ...again });
    }
    expect(await copier.entry(PATH)).toMatchObject({ state: 'pending' });
    expect(await copier.runNext()).toEqual({ outcome: 'already_there' });
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present' });
    expect(await depth()).toEqual(DONE);
    expect(copier.mirror.origin.count('GET')).toBe(1);
  });

  test('no dead letter is made of a job that was done: its last delivery is acknowledged', async () => {
    await copier.sendClaimed(PATH);
    for (let time = 1; time < MAX_RECEIVE_COUNT; time += 1) await (await copier.receive()).retry(0);
    using _down = copier.mirror.gate.fail({ part: 'entries' }, entriesDown);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: false });
    expect(await depth()).toEqual(DONE);
  });

  test('what the origin refuses for good is told when it can be', async () => {
    await copier.sendClaimed('/status/404');
    {
      using _down = copier.mirror.gate.fail({ part: 'entries' }, entriesDown);
      expect(await copier.runNext()).toMatchObject({ outcome: 'failed' });
    }
    expect(await copier.runNext()).toMatchObject({ outcome: 'failed' });
    expect(await copier.entry('/status/404')).toMatchObject({ state: 'error', originStatus: 404 });
    expect(await depth()).toEqual(DONE);
  });

  test('the generation is asked of the marker, not of the job', async () => {
    await copier.mirror.purgeElsewhere(PATH);
    const generation = await copier.mirror.generationOf(PATH);
    await copier.send(PATH, { generation: '' });
    using _down = copier.mirror.gate.fail({ part: 'entries' }, entriesDown);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', copy: { generation } });
    expect(await copier.stored(PATH)).toBeNull();
  });

  test('that comes back meanwhile, the entry is claimed and committed', async () => {
    await copier.send(PATH);
    using _away = copier.mirror.gate.fail({ part: 'entries', method: 'take' }, entriesDown);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present' });
  });

  test('that comes back meanwhile, with the claim that sent the job: the job comes again to take it', async () => {
    await copier.sendClaimed(PATH);
    {
      using _away = copier.mirror.gate.fail({ part: 'entries', method: 'take' }, entriesDown);
      const again = { againSeconds: expect.any(Number) as number };
      expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: false, ...again });
    }
    expect(await copier.runNext()).toEqual({ outcome: 'already_there' });
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present' });
    expect(await depth()).toEqual(DONE);
  });

  test('a failure is retried, later each time the job is delivered', async () => {
    using _down = copier.mirror.gate.fail({ part: 'entries' }, entriesDown);
    await copier.send('/get-500');
    await (await copier.receive()).retry(0);
    await (await copier.receive()).retry(0);
    const result = await copier.runNext();
    expect(result).toMatchObject({ outcome: 'will_retry' });
    if (result.outcome !== 'will_retry') return;
    expect(result.delaySeconds).toBeGreaterThanOrEqual((TIMES.errorSeconds.first * 4) / 2);
    expect(result.delaySeconds).toBeLessThanOrEqual(TIMES.errorSeconds.first * 4);
  });
});

describe('a commit that is not made', () => {
  test('for want of the entry store is tried again while the entry is held', async () => {
    await copier.sendClaimed(PATH);
    const down = copier.mirror.gate.fail({ part: 'entries', method: 'commit' }, entriesDown);
    const running = copier.runNext();
    await expect.poll(() => copier.failures).toEqual(['entries']);
    down[Symbol.dispose]();
    expect(await running).toMatchObject({ outcome: 'copied', present: true });
    expect(await depth()).toEqual(DONE);
  });

  test('for want of the entry store leaves the object to be found, by the job that comes again', async () => {
    await copier.sendClaimed(PATH);
    {
      using _down = copier.mirror.gate.fail({ part: 'entries', method: 'commit' }, entriesDown);
      expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: false });
    }
    copier.mirror.clock.aheadMs += TIMES.copyingLeaseSeconds * 1000 + 100;
    expect(await copier.runNext()).toEqual({ outcome: 'already_there' });
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present' });
    expect(await depth()).toEqual(DONE);
  });

  test('for want of the marker, under a second claim, releases that claim', async () => {
    await copier.sendClaimed(PATH);
    using putting = copier.mirror.gate.pause({ part: 'store here', method: 'put' }, 'answer');
    const running = copier.runNext();
    await putting.reached;
    await copier.mirror.manager.flush();
    using _down = copier.mirror.gate.fail(HEAD, () => new StorageError('store_unavailable', 'down'));
    putting.resume();
    expect(await running).toMatchObject({ outcome: 'copied', present: false });
    expect(copier.failures).toEqual(['store']);
    expect(await copier.entry(PATH)).toBeNull();
  });
});
