import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { copyKey } from '@cloud-mirror/mirrored-objects';
import type { Take } from '@cloud-mirror/entry-store';
import { StorageError, type PutOptions } from '@cloud-mirror/storage-provider';
import { openCopier, TIMES, type CopierFixture } from './copier-fixture.ts';

const PATH = '/bytes/1000';
const HEAD = { part: 'store here', method: 'head' };
const PUT = { part: 'store here', method: 'put' };
const OPEN = { part: 'origin', method: 'open' };
const TAKE = { part: 'entries', method: 'take' };

let copier: CopierFixture;
let rawKey: string;
let markerKey: string;
beforeEach(async () => {
  copier = await openCopier();
  rawKey = copyKey(copier.mirror.object(PATH), '');
  ({ markerKey } = copier.mirror.object(PATH));
});
afterEach(async () => {
  await copier[Symbol.asyncDispose]();
  // Copiers never delete objects, whatever the outcome of a job.
  expect(copier.mirror.gate.count({ method: 'delete' })).toBe(0);
});

describe('a take', () => {
  test('has a fresh token each time, even for the same job', async () => {
    await copier.sendClaimed('/get-500');
    await copier.runNext();
    await copier.send('/get-500');
    await copier.runNext();
    const takes = copier.mirror.gate.of(TAKE).map(({ options }) => options as Take);
    const tokens = takes.flatMap(({ token, jobToken }) => [token, jobToken]);
    expect(new Set(tokens).size).toBe(4);
  });

  test('of a worker that was frozen past its lease cannot commit to the take of another', async () => {
    const job = await copier.sendClaimed(PATH);
    using frozen = copier.mirror.gate.pause(PUT, 'answer');
    const first = copier.runNext();
    await frozen.reached;
    // The lease ends, the object is purged, and the job is delivered to a second worker, which is still copying.
    copier.mirror.clock.aheadMs += TIMES.copyingLeaseSeconds * 1000 + 1;
    await copier.mirror.purgeElsewhere(PATH);
    const generation = await copier.mirror.generationOf(PATH);
    await copier.send(PATH, job);
    using copying = copier.mirror.gate.pause(PUT);
    const second = copier.runNext();
    await copying.reached;
    frozen.resume();
    expect(await first).toMatchObject({ outcome: 'copied', present: false });
    expect(await copier.entry(PATH)).toMatchObject({ state: 'pending', phase: 'copying' });
    copying.resume();
    expect(await second).toMatchObject({ outcome: 'copied', present: true, copy: { generation } });
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present', generation });
  });
});

describe('a late commit onto an absent entry', () => {
  /** A copy whose bytes are stored and whose commit has not been sent; `resume` lets it continue. */
  async function storedUncommitted(): Promise<{
    running: ReturnType<CopierFixture['run']>;
    resume: () => void;
  }> {
    await copier.sendClaimed(PATH);
    const putting = copier.mirror.gate.pause(PUT, 'answer');
    const running = copier.runNext();
    await putting.reached;
    return { running, resume: putting.resume };
  }

  test('is made under a new claim if the marker has not changed', async () => {
    const { running, resume } = await storedUncommitted();
    await copier.mirror.manager.flush();
    resume();
    expect(await running).toMatchObject({ outcome: 'copied', present: true });
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present', generation: '' });
    const [refused, accepted] = copier.mirror.gate.of({ part: 'entries', method: 'commit' });
    expect(refused?.subject).not.toBe(accepted?.subject);
  });

  test('is not made if the object was purged meanwhile, and no client is sent to the stored bytes', async () => {
    const { running, resume } = await storedUncommitted();
    await copier.mirror.purgeElsewhere(PATH);
    // The purge deleted the copy, but a frozen worker may write it again at any time.
    await copier.mirror.store(PATH);
    resume();
    expect(await running).toMatchObject({ outcome: 'copied', present: false });
    expect(await copier.entry(PATH)).toBeNull();
    expect(await copier.stored(PATH)).not.toBeNull();
    const waiting = copier.mirror.redirect(PATH);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
    const generation = await copier.mirror.generationOf(PATH);
    expect(await waiting).toMatchObject({ location: await copier.mirror.address(PATH, generation) });
  });

  test('is not made if a purge happens between the read of the marker and the commit', async () => {
    const { running, resume } = await storedUncommitted();
    await copier.mirror.manager.flush();
    using markerRead = copier.mirror.gate.pause({ ...HEAD, subject: markerKey }, 'answer');
    resume();
    await markerRead.reached;
    await copier.mirror.purgeElsewhere(PATH);
    markerRead.resume();
    expect(await running).toMatchObject({ outcome: 'copied', present: false });
    expect(await copier.entry(PATH)).toBeNull();
  });

  test('does not replace another claim', async () => {
    const { running, resume } = await storedUncommitted();
    const { id } = copier.mirror.object(PATH);
    await copier.mirror.manager.flush();
    await copier.mirror.entries.claim(id, { token: 'other', leaseMs: 60_000, copyingLeaseMs: 60_000 });
    resume();
    expect(await running).toMatchObject({ outcome: 'copied', present: false });
    expect(await copier.entry(PATH)).toMatchObject({ state: 'pending', token: 'other' });
    expect(await copier.stored(PATH)).not.toBeNull();
  });
});

describe('a job for another claim', () => {
  test('looks up the marker and the key, and does not copy an object that is already stored', async () => {
    await copier.mirror.store(PATH);
    await copier.send(PATH);
    expect(await copier.runNext()).toEqual({ outcome: 'already_there' });
    expect(copier.mirror.gate.of(HEAD).map(({ subject }) => subject)).toEqual([markerKey, rawKey]);
    expect(copier.mirror.gate.count(OPEN)).toBe(0);
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present', generation: '', sizeBytes: 7 });
  });

  test('copies the current generation, not the one in the job', async () => {
    await copier.mirror.purgeElsewhere(PATH);
    const generation = await copier.mirror.generationOf(PATH);
    await copier.send(PATH, { generation: '' });
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true, copy: { generation } });
    expect(await copier.stored(PATH, '')).toBeNull();
    expect(await copier.stored(PATH, generation)).toMatchObject({ sizeBytes: 1000 });
  });

  test('copies nothing if the marker cannot be read', async () => {
    await copier.send(PATH);
    using _forbidden = copier.mirror.gate.fail(HEAD, () => new StorageError('store_forbidden', '403'));
    expect(await copier.runNext()).toMatchObject({
      outcome: 'will_retry',
      error: { code: 'store_forbidden' },
    });
    expect(copier.mirror.gate.count(OPEN)).toBe(0);
  });
});

describe('a job that was delivered before', () => {
  test('looks up the marker and the key even for its own claim', async () => {
    await copier.sendClaimed(PATH);
    await (await copier.receive()).retry(0);
    // An earlier worker stored the object and died before the commit.
    await copier.mirror.store(PATH);
    expect(await copier.runNext()).toEqual({ outcome: 'already_there' });
    expect(copier.mirror.gate.count(OPEN)).toBe(0);
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present' });
  });
});

describe('an object that already exists at the key', () => {
  test('counts as the copy', async () => {
    await copier.sendClaimed(PATH);
    await copier.mirror.store(PATH);
    expect(await copier.runNext()).toEqual({ outcome: 'already_there' });
    const [put] = copier.mirror.gate.of(PUT);
    expect(put?.options as PutOptions).toMatchObject({ ifNoneMatch: '*' });
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present', sizeBytes: 7 });
  });

  test('is replaced if it has expired, on the condition that it is still the same one', async () => {
    await copier.mirror.store(PATH);
    const etag = await copier.mirror.here.objects.expire(rawKey);
    await copier.send(PATH);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
    const [put] = copier.mirror.gate.of(PUT);
    expect((put?.options as PutOptions).ifMatch).toBe(etag);
    expect((put?.options as PutOptions).ifNoneMatch).toBeUndefined();
    expect(await copier.stored(PATH)).toMatchObject({ sizeBytes: 1000, expiresAt: null });
  });

  test('is replaced without a look-up if it has expired and the job names it', async () => {
    await copier.mirror.store(PATH);
    const replaces = await copier.mirror.here.objects.expire(rawKey);
    const claim = { token: 'mine', leaseMs: 900_000, copyingLeaseMs: 60_000 };
    await copier.mirror.entries.claim(copier.mirror.object(PATH).id, claim);
    await copier.send(PATH, { token: 'mine', replaces });
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
    expect(copier.mirror.gate.of(PUT).map(({ options }) => options)).toMatchObject([{ ifMatch: replaces }]);
    expect(copier.mirror.gate.count(HEAD)).toBe(0);
  });

  test('is replaced at the second attempt if it has expired and the job does not name it', async () => {
    await copier.mirror.store(PATH);
    const etag = await copier.mirror.here.objects.expire(rawKey);
    await copier.sendClaimed(PATH);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
    const conditions = copier.mirror.gate.of(PUT).map(({ options }) => options as PutOptions);
    expect(conditions).toMatchObject([{ ifNoneMatch: '*' }, { ifMatch: etag }]);
  });

  test('may be deleted before it is replaced, and then is written anew', async () => {
    await copier.mirror.store(PATH);
    await copier.mirror.here.objects.expire(rawKey);
    await copier.send(PATH);
    using putting = copier.mirror.gate.pause(PUT);
    const running = copier.runNext();
    await putting.reached;
    await copier.mirror.here.objects.delete(rawKey);
    putting.resume();
    expect(await running).toMatchObject({ outcome: 'copied', present: true });
  });

  test('makes the job retry while others write it, and is no dead letter', async () => {
    await copier.sendClaimed(PATH);
    using _conflict = copier.mirror.gate.fail(PUT, () => new StorageError('store_exists', '409'));
    expect(await copier.runNext()).toMatchObject({ outcome: 'will_retry', error: { code: 'store_exists' } });
  });
});
