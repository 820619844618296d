import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CacheManager } from '../src/index.ts';
import { copyKey } from '@cloud-mirror/mirrored-objects';
import { openMirror, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';

const PATH = '/bytes/100';
const GET = { part: 'entries', method: 'get' };
const CLAIM = { part: 'entries', method: 'claim' };

let mirror: MirrorFixture;
/** Another front end, which remembers as well. */
let elsewhere: CacheManager;
beforeEach(async () => {
  mirror = await openMirror({ remembersHits: true });
  elsewhere = mirror.otherManager({ remembersHits: true });
  await mirror.store(PATH);
});
afterEach(async () => {
  vi.useRealTimers();
  await mirror[Symbol.asyncDispose]();
});

/** No memory ends by its age any more. */
const stopTheClock = (): unknown => vi.useFakeTimers({ toFake: ['performance'] });

const url = (): URL => new URL(mirror.origin.url(PATH));

/** Until `manager` has the object in its memory: the first request makes the entry, the next one reads it. */
async function remember(manager: CacheManager): Promise<void> {
  do await manager.redirect(mirror.request(PATH));
  while (manager.recallHit(mirror.object(PATH)) === null);
}

describe('a front end that remembers hits', () => {
  test('answers the next request without reading the entry', async () => {
    stopTheClock();
    await remember(mirror.manager);
    const reads = mirror.gate.count(GET);
    expect(await mirror.redirect(PATH)).toMatchObject({ kind: 'present', how: 'hit' });
    expect(mirror.gate.count(GET)).toBe(reads);
  });

  test('finds a hit by one read where it remembers none', async () => {
    stopTheClock();
    await remember(elsewhere);
    const object = mirror.object(PATH);
    expect(mirror.manager.recallHit(object)).toBeNull();
    expect(await mirror.manager.findHit(object)).toMatchObject({ generation: '' });
    expect(mirror.gate.count(GET)).toBe(1);
    expect(mirror.manager.recallHit(object)).toMatchObject({ generation: '' });
  });

  test('a purge reaches the memory of every other front end as soon as the entry is dropped', async () => {
    stopTheClock();
    await remember(mirror.manager);
    await remember(elsewhere);
    using dropped = mirror.gate.pause({ part: 'entries', method: 'drop' }, 'answer');
    const purging = mirror.manager.purge('local', 'here', url());
    await dropped.reached;
    expect(elsewhere.recallHit(mirror.object(PATH))).toBeNull();
    expect(await elsewhere.findHit(mirror.object(PATH))).toBe('missing');
    dropped.resume();
    await purging;
  });

  test('a purge outlasts the memory of a front end that hears of no change', async () => {
    await remember(elsewhere);
    mirror.entries.deaf = true;
    const [result] = await mirror.manager.purge('local', 'here', url());
    expect(result?.purged).toBe(true);
    expect(elsewhere.recallHit(mirror.object(PATH))).toBeNull();
  });

  test('a purge deletes nothing that a front end may still lead to', async () => {
    await remember(elsewhere);
    mirror.entries.deaf = true;
    using deleting = mirror.gate.pause({ part: 'store here', method: 'delete' });
    const purging = mirror.manager.purge('local', 'here', url());
    await deleting.reached;
    expect(elsewhere.recallHit(mirror.object(PATH))).toBeNull();
    deleting.resume();
    await purging;
  });

  test('what this front end purged is not remembered, though its marker list alone knows so', async () => {
    stopTheClock();
    await remember(mirror.manager);
    mirror.entries.deaf = true;
    using deleting = mirror.gate.pause({ part: 'entries', method: 'drop' });
    const purging = mirror.manager.purge('local', 'here', url());
    await deleting.reached;
    expect(mirror.manager.recallHit(mirror.object(PATH))).toBeNull();
    deleting.resume();
    await purging;
  });

  test('a flush is felt at once by who asked for it', async () => {
    stopTheClock();
    await remember(mirror.manager);
    mirror.entries.deaf = true;
    await mirror.manager.flush();
    expect(mirror.manager.recallHit(mirror.object(PATH))).toBeNull();
  });

  test('a request that wants a check reads the entry, and mends what was remembered', async () => {
    stopTheClock();
    await remember(mirror.manager);
    mirror.entries.deaf = true;
    await mirror.here.objects.delete(copyKey(mirror.object(PATH), ''));
    const checked = mirror.redirect(PATH, { revalidate: true, waitMs: 0 });
    expect(await checked).toMatchObject({ kind: 'origin' });
    expect(mirror.manager.recallHit(mirror.object(PATH))).toBeNull();
  });

  test('does not read again an entry of which it was told that it is missing', async () => {
    expect(await mirror.manager.findHit(mirror.object(PATH))).toBe('missing');
    const reads = mirror.gate.count(GET);
    expect(await mirror.redirect(PATH, { missing: true })).toMatchObject({ kind: 'present', how: 'hit' });
    expect(mirror.gate.count(GET)).toBe(reads);
    expect(mirror.gate.count(CLAIM)).toBe(1);
  });

  test('finds an entry all the same that was made since it was missing', async () => {
    await remember(elsewhere);
    expect(await mirror.redirect(PATH, { missing: true })).toMatchObject({ kind: 'present', how: 'hit' });
    expect(mirror.gate.count({ part: 'store here', method: 'head' })).toBe(0);
  });

  test('nothing is a hit before the purge markers were read', async () => {
    await remember(elsewhere);
    using listing = mirror.gate.pause({ part: 'store here', method: 'list' });
    const fresh = mirror.otherManager({ remembersHits: true, backends: mirror.manager.backends });
    await listing.reached;
    expect(await fresh.findHit(mirror.object(PATH))).toBeNull();
    expect(fresh.recallHit(mirror.object(PATH))).toBeNull();
  });

  test('what the policy refuses, and unknown regions, are no objects', () => {
    expect(mirror.manager.objectOf('local', 'here', url())).toMatchObject({ url: url().href });
    expect(mirror.manager.objectOf('local', 'nowhere', url())).toBeNull();
    expect(mirror.manager.objectOf('local', 'here', new URL('http://127.0.0.2/'))).toBeNull();
  });

  test('an object that was judged once is not judged again', async () => {
    await remember(mirror.manager);
    const object = mirror.manager.objectOf('local', 'here', url());
    // The object says which back end and which URL it is. Nothing looks these names up again.
    const otherNames = { service: 'nowhere', url: new URL('http://127.0.0.2/') };
    expect(await mirror.redirect(PATH, otherNames)).toMatchObject({ kind: 'unknown_backend' });
    expect(await mirror.redirect(PATH, { ...otherNames, object })).toMatchObject({
      kind: 'present',
      how: 'hit',
    });
  });

  test('a process that ends has no hits', async () => {
    await remember(elsewhere);
    await elsewhere[Symbol.asyncDispose]();
    expect(elsewhere.recallHit(mirror.object(PATH))).toBeNull();
    expect(await elsewhere.findHit(mirror.object(PATH))).toBeNull();
  });
});
