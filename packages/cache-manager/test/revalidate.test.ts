import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StorageError } from '@cloud-mirror/storage-provider';
import { copyKey, copyOf, type Copy } from '@cloud-mirror/mirrored-objects';
import { EntryStoreError, type PresentEntry } from '@cloud-mirror/entry-store';
import { openMirror, TIMES, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';

const PATH = '/bytes/100';
const HEAD = { part: 'store here', method: 'head' };

let mirror: MirrorFixture;
beforeEach(async () => {
  mirror = await openMirror();
});
afterEach(() => mirror[Symbol.asyncDispose]());

async function presentEntry(): Promise<PresentEntry> {
  const entry = await mirror.entries.get(mirror.object(PATH).id);
  if (entry?.state !== 'present') throw new Error(`the entry is ${entry?.state}`);
  return entry;
}

async function storedCopy(): Promise<Copy> {
  const stored = await mirror.here.objects.head(copyKey(mirror.object(PATH), ''));
  if (stored === null) throw new Error('nothing is stored');
  return copyOf(mirror.here, stored, '');
}

describe('revalidation', () => {
  beforeEach(async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
  });

  test('of an existing copy costs two HEADs and changes nothing', async () => {
    const entry = await presentEntry();
    const before = mirror.gate.count(HEAD);
    expect(await mirror.redirect(PATH, { revalidate: true })).toMatchObject({ kind: 'present', how: 'hit' });
    expect(mirror.gate.count(HEAD)).toBe(before + 2);
    expect(await presentEntry()).toEqual(entry);
  });

  test('of a deleted copy has it made again', async () => {
    await mirror.here.objects.delete(copyKey(mirror.object(PATH), ''));
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'present', how: 'hit' });
    const waiting = mirror.redirect(PATH, { revalidate: true });
    await mirror.copyNext();
    expect(await waiting).toMatchObject({ kind: 'present', how: 'stored' });
  });

  test('of a replaced copy corrects the entry', async () => {
    const before = await presentEntry();
    await mirror.store(PATH, '', 'other content');
    expect(await mirror.redirect(PATH, { revalidate: true })).toMatchObject({ kind: 'present', how: 'hit' });
    const after = await presentEntry();
    expect(after.sizeBytes).toBe('other content'.length);
    expect(after.etag).not.toBe(before.etag);
  });

  test('does not drop an entry that was replaced meanwhile', async () => {
    await mirror.here.objects.delete(copyKey(mirror.object(PATH), ''));
    using dropping = mirror.gate.pause({ part: 'entries', method: 'drop' });
    const revalidating = mirror.redirect(PATH, { revalidate: true });
    await dropping.reached;
    const { id } = mirror.object(PATH);
    await mirror.entries.drop(id);
    await mirror.entries.claim(id, { token: 'newer', leaseMs: 60_000, copyingLeaseMs: 60_000 });
    dropping.resume();
    while (mirror.manager.waiting < 1) await new Promise(setImmediate);
    expect(await mirror.entries.get(id)).toMatchObject({ state: 'pending', token: 'newer' });
    await mirror.store(PATH);
    await mirror.entries.commit(id, 'newer', await storedCopy(), 60_000);
    expect(await revalidating).toMatchObject({ kind: 'present', how: 'stored', collapsed: true });
  });

  test('notices a purge that the entry has missed', async () => {
    const stale = await presentEntry();
    await mirror.purgeElsewhere(PATH);
    const { id } = mirror.object(PATH);
    await mirror.entries.claim(id, { token: stale.token, leaseMs: 60_000, copyingLeaseMs: 60_000 });
    await mirror.entries.commit(id, stale.token, stale, 60_000);
    await mirror.store(PATH);
    const waiting = mirror.redirect(PATH, { revalidate: true });
    expect((await mirror.copyNext()).generation).toBe(await mirror.generationOf(PATH));
    expect(await waiting).toMatchObject({
      location: await mirror.address(PATH, await mirror.generationOf(PATH)),
    });
  });

  test('redirects to the origin and keeps the entry if the store does not answer', async () => {
    const entry = await presentEntry();
    using _down = mirror.gate.fail(HEAD, () => new StorageError('store_unavailable', 'down'));
    expect(await mirror.redirect(PATH, { revalidate: true })).toMatchObject({
      kind: 'origin',
      reason: 'store_unavailable',
    });
    expect(await presentEntry()).toEqual(entry);
  });
});

describe('an object whose length differs from the one in its metadata', () => {
  const key = (): string => copyKey(mirror.object(PATH), '');

  async function storeShort(): Promise<string | null> {
    const { etag } = await mirror.here.objects.put(key(), Readable.from([Buffer.from('short')]), {
      headers: { contentType: 'text/plain' },
      sizeBytes: 5,
      metadata: () => ({ 'upstream-content-length': '5000' }),
    });
    return etag;
  }

  async function replacedBy(waiting: Promise<unknown>, etag: string | null): Promise<void> {
    await mirror.gate.seen({ part: 'queue here', method: 'enqueue' });
    expect(mirror.gate.of({ part: 'queue here', method: 'enqueue' })[0]?.options).toMatchObject({
      replaces: etag,
    });
    await mirror.copyNext();
    expect(await waiting).toMatchObject({ kind: 'present', how: 'stored' });
  }

  test('counts as absent for a request, whose job replaces it', async () => {
    const etag = await storeShort();
    await replacedBy(mirror.redirect(PATH), etag);
  });

  test('counts as absent for a revalidation', async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    const etag = await storeShort();
    await replacedBy(mirror.redirect(PATH, { revalidate: true }), etag);
  });

  test('is noticed by a revalidation if it was committed before', async () => {
    const etag = await storeShort();
    const stored = await mirror.here.objects.head(key());
    if (stored === null) throw new Error('nothing is stored');
    const { id } = mirror.object(PATH);
    await mirror.entries.claim(id, { token: 'earlier', leaseMs: 60_000, copyingLeaseMs: 60_000 });
    await mirror.entries.commit(id, 'earlier', copyOf(mirror.here, stored, ''), 60_000);
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'present', how: 'hit' });
    await replacedBy(mirror.redirect(PATH, { revalidate: true }), etag);
  });

  test('counts as absent in the status', async () => {
    await storeShort();
    const { object, redirect } = await mirror.manager.status(
      'local',
      'here',
      new URL(mirror.origin.url(PATH)),
    );
    expect(object).toBeNull();
    expect(redirect.to).toBe('wait');
  });

  test('counts as absent without the entry store', async () => {
    await storeShort();
    using _down = mirror.gate.fail({ part: 'entries' }, () => new EntryStoreError('down'));
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'origin', reason: 'entries_unavailable' });
  });
});

describe('an expired object', () => {
  test('counts as absent, and the job has the ETag to replace', async () => {
    await mirror.store(PATH, '', 'old');
    const etag = await mirror.here.objects.expire(copyKey(mirror.object(PATH), ''));
    const waiting = mirror.redirect(PATH);
    await mirror.gate.seen({ part: 'queue here', method: 'enqueue' });
    expect(mirror.gate.of({ part: 'queue here', method: 'enqueue' })[0]?.options).toMatchObject({
      replaces: etag,
      generation: '',
    });
    await mirror.copyNext('new');
    expect(await waiting).toMatchObject({ kind: 'present', how: 'stored' });
    expect((await presentEntry()).sizeBytes).toBe('new'.length);
  });

  test('has an entry that ends before the object', async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    const { expiresAt } = await presentEntry();
    if (expiresAt === null) throw new Error('the store keeps objects for a day');
    mirror.clock.aheadMs = expiresAt - TIMES.expiryMarginSeconds * 1000 - Date.now();
    expect(await mirror.entries.get(mirror.object(PATH).id)).toBeNull();
  });
});
