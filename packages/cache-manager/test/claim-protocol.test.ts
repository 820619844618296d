import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { copyKey } from '@cloud-mirror/mirrored-objects';
import { EntryStoreError, MemoryEntryStore } from '@cloud-mirror/entry-store';
import { openMirror, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';

const PATH = '/bytes/100';
const HEAD = { part: 'store here', method: 'head' };
const COMMIT = { part: 'entries', method: 'commit' };
const GET = { part: 'entries', method: 'get' };

let mirror: MirrorFixture;
let rawKey: string;
beforeEach(async () => {
  mirror = await openMirror();
  rawKey = copyKey(mirror.object(PATH), '');
});
afterEach(() => mirror[Symbol.asyncDispose]());

describe('the claim', () => {
  test('is made before the look-up in the store', async () => {
    using claiming = mirror.gate.pause({ part: 'entries', method: 'claim' });
    const requested = mirror.redirect(PATH, { waitMs: 0 });
    await claiming.reached;
    expect(mirror.gate.count(HEAD)).toBe(0);
    claiming.resume();
    await requested;
    expect(mirror.gate.order({ part: 'entries', method: 'claim' })).toBeLessThan(mirror.gate.order(HEAD));
  });

  test('does not count after a purge dropped it: the copy found under it is not answered', async () => {
    await mirror.store(PATH);
    using found = mirror.gate.pause({ ...HEAD, subject: rawKey }, 'answer');
    const waiting = mirror.redirect(PATH);
    await found.reached;
    await mirror.purgeElsewhere(PATH);
    const generation = await mirror.generationOf(PATH);
    found.resume();
    // The request starts over: the next look-up is for the new generation and finds no copy.
    expect((await mirror.copyNext()).generation).toBe(generation);
    expect(await waiting).toMatchObject({ location: await mirror.address(PATH, generation) });
    expect(mirror.gate.count({ part: 'entries', method: 'claim' })).toBe(2);
  });

  test('is made again after a flush dropped it, because an absent entry refuses a commit', async () => {
    await mirror.store(PATH);
    using committing = mirror.gate.pause(COMMIT);
    const requested = mirror.redirect(PATH);
    await committing.reached;
    await mirror.manager.flush();
    committing.resume();
    expect(await requested).toMatchObject({ kind: 'present', location: await mirror.address(PATH) });
    const tokens = mirror.gate.of({ part: 'entries', method: 'claim' }).map(({ subject }) => subject);
    expect(new Set(tokens).size).toBe(2);
    expect(await mirror.entries.get(mirror.object(PATH).id)).toMatchObject({
      state: 'present',
      token: tokens[1],
    });
  });

  test('is not trusted if the connection was replaced, although the commit was accepted', async () => {
    await mirror.store(PATH);
    const replica = new MemoryEntryStore();
    const elsewhere = mirror.otherManager({ entries: replica });
    using found = mirror.gate.pause({ ...HEAD, subject: rawKey }, 'answer');
    using committed = mirror.gate.pause(COMMIT, 'answer');
    const waiting = mirror.redirect(PATH);
    await found.reached;
    // The purge reaches only the other server. The server of this connection still accepts the commit.
    const [purged] = await elsewhere.purge('local', 'here', new URL(mirror.origin.url(PATH)));
    expect(purged).toMatchObject({ purged: true });
    found.resume();
    await committed.reached;
    mirror.entries.replace(replica);
    committed.resume();
    const generation = await mirror.generationOf(PATH);
    expect((await mirror.copyNext()).generation).toBe(generation);
    expect(await waiting).toMatchObject({ location: await mirror.address(PATH, generation) });
  });

  test('follows a new read if the connection was replaced during the read of the entry', async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    using read = mirror.gate.pause(GET, 'answer');
    const before = mirror.gate.count(GET);
    const requested = mirror.redirect(PATH);
    await read.reached;
    mirror.entries.replace(new MemoryEntryStore());
    read.resume();
    await requested;
    // Read once more for the new connection, and once more after the marker list was read.
    expect(mirror.gate.count(GET)).toBe(before + 3);
  });

  test('is retried a limited number of times before the client is redirected to the origin', async () => {
    await mirror.store(PATH);
    // The connection is replaced during each commit.
    using _flapping = mirror.gate.fail(COMMIT, () => {
      mirror.entries.replace(new MemoryEntryStore());
      return new EntryStoreError('the connection was replaced');
    });
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'origin', reason: 'internal_error' });
  });
});

describe('messages of changes', () => {
  test('only cause a new read of the entry, and the wait continues', async () => {
    const waiting = mirror.redirect(PATH);
    while (mirror.manager.waiting < 1) await new Promise(setImmediate);
    const { id } = mirror.object(PATH);
    for (const change of [
      { type: 'changed', id, pending: false },
      { type: 'flushed' },
      { type: 'lost' },
    ] as const) {
      const reads = mirror.gate.count(GET);
      mirror.entries.tell(change);
      await mirror.gate.seen(GET, reads + 1);
    }
    expect(mirror.manager.waiting).toBe(1);
    const job = await mirror.copyNext();
    expect(job.generation).toBe('');
    expect(await waiting).toMatchObject({ kind: 'present', location: await mirror.address(PATH) });
  });

  test('for a copy whose generation was purged meanwhile do not end the wait', async () => {
    const waiting = mirror.redirect(PATH);
    await mirror.gate.seen({ part: 'queue here', method: 'enqueue' });
    while (mirror.manager.waiting < 1) await new Promise(setImmediate);
    using read = mirror.gate.pause(GET);
    await mirror.copyNext();
    await read.reached;
    await mirror.purgeElsewhere(PATH);
    read.resume();
    expect((await mirror.copyNext()).generation).toBe(await mirror.generationOf(PATH));
    expect(await waiting).toMatchObject({
      location: await mirror.address(PATH, await mirror.generationOf(PATH)),
    });
  });
});

describe('look-ups without the entry store', () => {
  test('are not joined by requests that arrive after the marker was read, because of a purge in between', async () => {
    await mirror.store(PATH);
    using _down = mirror.gate.fail({ part: 'entries' }, () => new EntryStoreError('down'));
    using found = mirror.gate.pause({ ...HEAD, subject: rawKey }, 'answer');
    const before = mirror.redirect(PATH);
    await found.reached;
    // Other processes still reach the entry store.
    await mirror.purgeElsewhere(PATH);
    const generation = await mirror.generationOf(PATH);
    await mirror.store(PATH, generation);
    const after = [mirror.redirect(PATH), mirror.redirect(PATH)];
    found.resume();
    await before;
    for (const outcome of await Promise.all(after))
      expect(outcome).toMatchObject({ kind: 'present', location: await mirror.address(PATH, generation) });
  });
});
