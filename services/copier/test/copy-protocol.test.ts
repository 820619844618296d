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
  // Whatever a job comes to: copiers never delete.
  expect(copier.mirror.gate.count({ method: 'delete' })).toBe(0);
});

describe('a take', () => {
  test('has a token of its own each time, also for one job', async () => {
    await copier.sendClaimed('/get-500');
    await copier.runNext();
    await copier.send('/get-500');
    await copier.runNext();
    const takes = copier.mirror.gate.of(TAKE).map(({ options }) => options as Take);
    const tokens = takes.flatMap(({ token, jobToken }) => [token, jobToken]);
    expect(new Set(tokens).size).toBe(4);
  });

  test('of a worker frozen past its lease commits nothing into the take of another', async () => {
    const job = await copier.sendClaimed(PATH);
    using frozen = copier.mirror.gate.pause(PUT, 'answer');
    const first = copier.runNext();
    await frozen.reached;
    // Its lease ends; the object is purged; the job comes to a second worker, which is still copying.
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
  /** A copy whose bytes are stored and whose commit has not been sent. */
  async function storedUncommitted(): Promise<{
    running: ReturnType<CopierFixture['run']>;
    goOn: () => void;
  }> {
    await copier.sendClaimed(PATH);
    const putting = copier.mirror.gate.pause(PUT, 'answer');
    const running = copier.runNext();
    await putting.reached;
    return { running, goOn: putting.resume };
  }

  test('is made under a new claim where the marker is as it was', async () => {
    const { running, goOn } = await storedUncommitted();
    await copier.mirror.manager.flush();
    goOn();
    expect(await running).toMatchObject({ outcome: 'copied', present: true });
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present', generation: '' });
    const [refused, accepted] = copier.mirror.gate.of({ part: 'entries', method: 'commit' });
    expect(refused?.subject).not.toBe(accepted?.subject);
  });

  test('is not made where the object was purged meanwhile; the bytes stay where nobody is sent', async () => {
    const { running, goOn } = await storedUncommitted();
    await copier.mirror.purgeElsewhere(PATH);
    // What it had written was deleted; a frozen worker may write it again at any time.
    await copier.mirror.store(PATH);
    goOn();
    expect(await running).toMatchObject({ outcome: 'copied', present: false });
    expect(await copier.entry(PATH)).toBeNull();
    expect(await copier.stored(PATH)).not.toBeNull();
    const waiting = copier.mirror.redirect(PATH);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
    const generation = await copier.mirror.generationOf(PATH);
    expect(await waiting).toMatchObject({ location: await copier.mirror.address(PATH, generation) });
  });

  test('is not made where a purge falls between the second claim’s look at the marker and the commit', async () => {
    const { running, goOn } = await storedUncommitted();
    await copier.mirror.manager.flush();
    using looked = copier.mirror.gate.pause({ ...HEAD, subject: markerKey }, 'answer');
    goOn();
    await looked.reached;
    await copier.mirror.purgeElsewhere(PATH);
    looked.resume();
    expect(await running).toMatchObject({ outcome: 'copied', present: false });
    expect(await copier.entry(PATH)).toBeNull();
  });

  test('leaves the claim of another alone', async () => {
    const { running, goOn } = await storedUncommitted();
    const { id } = copier.mirror.object(PATH);
    await copier.mirror.manager.flush();
    await copier.mirror.entries.claim(id, { token: 'other', leaseMs: 60_000, copyingLeaseMs: 60_000 });
    goOn();
    expect(await running).toMatchObject({ outcome: 'copied', present: false });
    expect(await copier.entry(PATH)).toMatchObject({ state: 'pending', token: 'other' });
    expect(await copier.stored(PATH)).not.toBeNull();
  });
});

describe('a claim that is not the job’s own', () => {
  test('has the marker and the key asked: what is there is not copied again', async () => {
    await copier.mirror.store(PATH);
    await copier.send(PATH);
    expect(await copier.runNext()).toEqual({ outcome: 'already_there' });
    expect(copier.mirror.gate.of(HEAD).map(({ subject }) => subject)).toEqual([markerKey, rawKey]);
    expect(copier.mirror.gate.count(OPEN)).toBe(0);
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present', generation: '', sizeBytes: 7 });
  });

  test('does not bring back the generation that its job was of', async () => {
    await copier.mirror.purgeElsewhere(PATH);
    const generation = await copier.mirror.generationOf(PATH);
    await copier.send(PATH, { generation: '' });
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true, copy: { generation } });
    expect(await copier.stored(PATH, '')).toBeNull();
    expect(await copier.stored(PATH, generation)).toMatchObject({ sizeBytes: 1000 });
  });

  test('with a marker that cannot be read copies nothing', async () => {
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
  test('has the marker and the key asked although the claim is its own', async () => {
    await copier.sendClaimed(PATH);
    await (await copier.receive()).retry(0);
    // The worker before had stored the object, and died before it could say so.
    await copier.mirror.store(PATH);
    expect(await copier.runNext()).toEqual({ outcome: 'already_there' });
    expect(copier.mirror.gate.count(OPEN)).toBe(0);
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present' });
  });
});

describe('a key that is taken', () => {
  test('by an equal copy is success', async () => {
    await copier.sendClaimed(PATH);
    await copier.mirror.store(PATH);
    expect(await copier.runNext()).toEqual({ outcome: 'already_there' });
    const [put] = copier.mirror.gate.of(PUT);
    expect(put?.options as PutOptions).toMatchObject({ ifNoneMatch: '*' });
    expect(await copier.entry(PATH)).toMatchObject({ state: 'present', sizeBytes: 7 });
  });

  test('by an object past its life is replaced, that very one', async () => {
    await copier.mirror.store(PATH);
    const etag = await copier.mirror.here.objects.expire(rawKey);
    await copier.send(PATH);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
    const [put] = copier.mirror.gate.of(PUT);
    expect((put?.options as PutOptions).ifMatch).toBe(etag);
    expect((put?.options as PutOptions).ifNoneMatch).toBeUndefined();
    expect(await copier.stored(PATH)).toMatchObject({ sizeBytes: 1000, expiresAt: null });
  });

  test('by an object past its life that the claim’s owner told of is replaced without another look', async () => {
    await copier.mirror.store(PATH);
    const replaces = await copier.mirror.here.objects.expire(rawKey);
    const claim = { token: 'mine', leaseMs: 900_000, copyingLeaseMs: 60_000 };
    await copier.mirror.entries.claim(copier.mirror.object(PATH).id, claim);
    await copier.send(PATH, { token: 'mine', replaces });
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
    expect(copier.mirror.gate.of(PUT).map(({ options }) => options)).toMatchObject([{ ifMatch: replaces }]);
    expect(copier.mirror.gate.count(HEAD)).toBe(0);
  });

  test('by an object past its life that nobody told of is replaced at the second try', async () => {
    await copier.mirror.store(PATH);
    const etag = await copier.mirror.here.objects.expire(rawKey);
    await copier.sendClaimed(PATH);
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
    const conditions = copier.mirror.gate.of(PUT).map(({ options }) => options as PutOptions);
    expect(conditions).toMatchObject([{ ifNoneMatch: '*' }, { ifMatch: etag }]);
  });

  test('no more, because what was to be replaced is gone, is written anew', async () => {
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

  test('while others write it is tried again later, and is no dead letter', async () => {
    await copier.sendClaimed(PATH);
    using _conflict = copier.mirror.gate.fail(PUT, () => new StorageError('store_exists', '409'));
    expect(await copier.runNext()).toMatchObject({ outcome: 'will_retry', error: { code: 'store_exists' } });
  });
});
