import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StorageError } from '@cloud-mirror/storage-provider';
import { MemoryEntryStore, type Entry, type PresentEntry } from '@cloud-mirror/entry-store';
import { openMirror, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';

const PATH = '/bytes/100';
const LIST = { part: 'store here', method: 'list' };
const HEAD = { part: 'store here', method: 'head' };

let mirror: MirrorFixture;
beforeEach(async () => {
  mirror = await openMirror();
});
afterEach(() => mirror[Symbol.asyncDispose]());

/** An entry store with the current contents of this one, like a replica that gets no more updates. */
async function snapshot(): Promise<{ replica: MemoryEntryStore; entry: PresentEntry }> {
  const { id } = mirror.object(PATH);
  const entry: Entry | null = await mirror.entries.get(id);
  if (entry?.state !== 'present') throw new Error(`the entry is ${entry?.state}`);
  const replica = new MemoryEntryStore();
  await replica.claim(id, { token: entry.token, leaseMs: 60_000, copyingLeaseMs: 60_000 });
  await replica.commit(id, entry.token, entry, 60_000);
  return { replica, entry };
}

/** A copy that another process purged, and an entry store that missed the purge. */
async function purgedAndForgotten(): Promise<{ replica: MemoryEntryStore; generation: string }> {
  await mirror.store(PATH);
  expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'present' });
  const { replica } = await snapshot();
  await mirror.purgeElsewhere(PATH);
  // A frozen copier wakes up and writes the bytes to the old key again.
  await mirror.store(PATH);
  return { replica, generation: await mirror.generationOf(PATH) };
}

describe('an entry store that lost its newest writes', () => {
  test('cannot bring a purged copy back, because the markers are listed before its connection is trusted', async () => {
    const { replica, generation } = await purgedAndForgotten();
    const lists = mirror.gate.count(LIST);
    mirror.entries.replace(replica);
    const waiting = mirror.redirect(PATH);
    expect((await mirror.copyNext()).generation).toBe(generation);
    expect(await waiting).toMatchObject({ location: await mirror.address(PATH, generation) });
    expect(mirror.gate.count(LIST)).toBe(lists + 1);
  });

  test('is not trusted before the listing has ended', async () => {
    const { replica, generation } = await purgedAndForgotten();
    using listed = mirror.gate.pause(LIST, 'answer');
    mirror.entries.replace(replica);
    const requests = [mirror.redirect(PATH), mirror.redirect(PATH)];
    await listed.reached;
    // The first request waits for the list before its answer.
    await new Promise(setImmediate);
    expect(mirror.gate.count({ part: 'store here', method: 'urlFor' })).toBe(1);
    listed.resume();
    await mirror.copyNext();
    for (const outcome of await Promise.all(requests))
      expect(outcome).toMatchObject({ location: await mirror.address(PATH, generation) });
  });

  test('is not trusted if the markers cannot be listed, and the object store decides', async () => {
    const { replica, generation } = await purgedAndForgotten();
    using _forbidden = mirror.gate.fail(LIST, () => new StorageError('store_forbidden', '403'));
    mirror.entries.replace(replica);
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'origin', reason: 'entries_unavailable' });
    await mirror.store(PATH, generation);
    expect(await mirror.redirect(PATH)).toMatchObject({
      kind: 'present',
      location: await mirror.address(PATH, generation),
    });
  });

  test('without a new connection is noticed by the periodic listing', async () => {
    await using often = await openMirror({ markerListMs: 2 });
    const before = mirror;
    mirror = often;
    try {
      const { replica, generation } = await purgedAndForgotten();
      mirror.entries.replace(replica, 'quietly');
      // Readings do not overlap. When the second one from now begins, one that began after the purge has ended.
      await mirror.gate.seen(LIST, mirror.gate.count(LIST) + 2);
      const waiting = mirror.redirect(PATH);
      expect((await mirror.copyNext()).generation).toBe(generation);
      expect(await waiting).toMatchObject({ location: await mirror.address(PATH, generation) });
    } finally {
      mirror = before;
    }
  });

  test('cannot bring back a copy that this process purged', async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    const { replica } = await snapshot();
    await mirror.manager.purge('local', 'here', new URL(mirror.origin.url(PATH)));
    await mirror.store(PATH);
    mirror.entries.replace(replica, 'quietly');
    const waiting = mirror.redirect(PATH);
    const { generation } = await mirror.copyNext();
    expect(generation).toBe(await mirror.generationOf(PATH));
    expect(await waiting).toMatchObject({ location: await mirror.address(PATH, generation) });
  });

  test('is trusted without another HEAD if the list has no new marker', async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    const { replica } = await snapshot();
    const heads = mirror.gate.count(HEAD);
    mirror.entries.replace(replica);
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'present', how: 'hit' });
    expect(mirror.gate.count(HEAD)).toBe(heads);
  });
});

describe('an entry of a generation that this process does not know', () => {
  test('is confirmed by one HEAD of the marker, and from memory after that', async () => {
    await mirror.redirect(PATH, { waitMs: 0 });
    await mirror.purgeElsewhere(PATH);
    const generation = await mirror.generationOf(PATH);
    const other = mirror.otherManager();
    await mirror.store(PATH, generation);
    expect(await other.redirect(mirror.request(PATH))).toMatchObject({ kind: 'present' });
    const location = await mirror.address(PATH, generation);
    const heads = mirror.gate.count(HEAD);
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'present', location, how: 'hit' });
    expect(mirror.gate.count(HEAD)).toBe(heads + 1);
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'present', location, how: 'hit' });
    expect(mirror.gate.count(HEAD)).toBe(heads + 1);
  });
});
