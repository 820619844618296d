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
  // Copiers never delete objects, whatever the outcome of a job.
  expect(copier.mirror.gate.count({ method: 'delete' })).toBe(0);
});

/** The numbers of waiting jobs, jobs in flight and dead letters. */
const depth = (): Promise<unknown> => copier.mirror.here.queue.depth();
const DONE = { waiting: 0, inFlight: 0, deadLetters: 0 };

describe('a job whose claim still exists', () => {
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
    // The job has its own claim, so the generation is known and the marker is not read again.
    expect(gate.count({ ...HEAD, subject: copier.mirror.object(PATH).markerKey })).toBe(0);
  });

  test('is copied by a second download if an ETag only looks like a digest of the bytes', async () => {
    const path = `${PATH}?etag=s3-other`;
    await copier.sendClaimed(path);
    const { sha256 } = copier.mirror.origin.bodyOf(path);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true, copy: { sha256 } });
    expect(copier.mirror.gate.count(OPEN)).toBe(2);
    expect(copier.refuted).toEqual([`ETag ${sha256}`]);
  });

  test('is copied by one download if the ETag is a digest', async () => {
    await copier.sendClaimed(`${PATH}?etag=s3`);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied' });
    expect(copier.mirror.gate.count(OPEN)).toBe(1);
    expect(copier.refuted).toEqual([]);
  });

  test('stores the headers that describe the bytes, and their provenance', async () => {
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

  test('stores user metadata, but not the caching headers', async () => {
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

  test('does not reveal its token in the metadata', async () => {
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

  test('of unknown length records the number of bytes in the metadata', async () => {
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

  test('gives its copy to a waiting client', async () => {
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

describe('a late job', () => {
  test('for an entry that is present is acknowledged without calls to the store or the origin', async () => {
    await copier.mirror.store(PATH);
    await copier.mirror.redirect(PATH);
    const heads = copier.mirror.gate.count(HEAD);
    await copier.send(PATH);
    expect(await copier.runNext()).toEqual({ outcome: 'already_there' });
    expect(await depth()).toEqual(DONE);
    expect(copier.mirror.gate.count(HEAD)).toBe(heads);
    expect(copier.mirror.gate.count(OPEN)).toBe(0);
  });

  test('for an object that another worker is copying is given back until the end of its lease', async () => {
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

  test('for an object whose lease is about to end waits for it, to save a delivery', async () => {
    const { id } = copier.mirror.object(PATH);
    await copier.mirror.entries.take(id, { token: 'died', jobToken: 'x', leaseMs: 300 });
    await copier.send(PATH);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
  });

  test('on its last delivery is acknowledged if another worker is copying, and is no dead letter', async () => {
    const { id } = copier.mirror.object(PATH);
    await copier.mirror.entries.take(id, { token: 'another', jobToken: 'x', leaseMs: 30_000 });
    await copier.send(PATH);
    for (let delivery = 1; delivery < MAX_RECEIVE_COUNT; delivery += 1)
      await (await copier.receive()).retry(0);
    expect(await copier.runNext()).toEqual({ outcome: 'left_to_another' });
    expect(await depth()).toEqual(DONE);
  });

  test('of another claim makes the copy for the current claim, after a look-up in the store', async () => {
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
  test('a job makes its copy, and is retried until the entry is recorded', async () => {
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

  test('a finished job is acknowledged on its last delivery, and is no dead letter', async () => {
    await copier.sendClaimed(PATH);
    for (let time = 1; time < MAX_RECEIVE_COUNT; time += 1) await (await copier.receive()).retry(0);
    using _down = copier.mirror.gate.fail({ part: 'entries' }, entriesDown);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: false });
    expect(await depth()).toEqual(DONE);
  });

  test('a permanent refusal of the origin is recorded when the entry store is back', async () => {
    await copier.sendClaimed('/status/404');
    {
      using _down = copier.mirror.gate.fail({ part: 'entries' }, entriesDown);
      expect(await copier.runNext()).toMatchObject({ outcome: 'failed' });
    }
    expect(await copier.runNext()).toMatchObject({ outcome: 'failed' });
    expect(await copier.entry('/status/404')).toMatchObject({ state: 'error', originStatus: 404 });
    expect(await depth()).toEqual(DONE);
  });

  test('the generation is taken from the marker, not from the job', async () => {
    await copier.mirror.purgeElsewhere(PATH);
    const generation = await copier.mirror.generationOf(PATH);
    await copier.send(PATH, { generation: '' });
    using _down = copier.mirror.gate.fail({ part: 'entries' }, entriesDown);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', copy: { generation } });
    expect(await copier.stored(PATH)).toBeNull();
  });

  test('during the take only, the entry is claimed and committed', async () => {
    await copier.send(PATH);
    using _away = copier.mirror.gate.fail({ part: 'entries', method: 'take' }, entriesDown);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present' });
  });

  test('during the take only, the job is retried to take the claim that sent it', async () => {
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

  test('a failed job is retried with a back-off that grows with its deliveries', async () => {
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

describe('a failed commit', () => {
  test('because of the entry store is retried while the entry is held', async () => {
    await copier.sendClaimed(PATH);
    const down = copier.mirror.gate.fail({ part: 'entries', method: 'commit' }, entriesDown);
    const running = copier.runNext();
    await expect.poll(() => copier.failures).toEqual(['entries']);
    down[Symbol.dispose]();
    expect(await running).toMatchObject({ outcome: 'copied', present: true });
    expect(await depth()).toEqual(DONE);
  });

  test('because of the entry store leaves the object in the store, where the retried job finds it', async () => {
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

  test('because the marker cannot be read releases the second claim', async () => {
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
