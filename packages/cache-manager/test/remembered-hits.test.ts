import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CacheManager } from '../src/index.ts';
import { copyKey } from '@cloud-mirror/mirrored-objects';
import { openMirror, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';

const PATH = '/bytes/100';
const GET = { part: 'entries', method: 'get' };
const CLAIM = { part: 'entries', method: 'claim' };

let mirror: MirrorFixture;
/** Another front end that remembers hits. */
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

/** With a fake clock, no remembered hit reaches its age limit. */
const stopTheClock = (): unknown => vi.useFakeTimers({ toFake: ['performance'] });

const url = (): URL => new URL(mirror.origin.url(PATH));

/** Sends requests until `manager` remembers the object: the first one writes the entry, the next one reads it. */
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

  test('finds a hit that it does not remember by one read', async () => {
    stopTheClock();
    await remember(elsewhere);
    const object = mirror.object(PATH);
    expect(mirror.manager.recallHit(object)).toBeNull();
    expect(await mirror.manager.findHit(object)).toMatchObject({ generation: '' });
    expect(mirror.gate.count(GET)).toBe(1);
    expect(mirror.manager.recallHit(object)).toMatchObject({ generation: '' });
  });

  test('forgets a hit as soon as another front end purges it', async () => {
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

  test('forgets a purged hit before the purge returns, even without messages', async () => {
    await remember(elsewhere);
    mirror.entries.deaf = true;
    const [result] = await mirror.manager.purge('local', 'here', url());
    expect(result?.purged).toBe(true);
    expect(elsewhere.recallHit(mirror.object(PATH))).toBeNull();
  });

  test('never leads to a copy that a purge has already deleted', async () => {
    await remember(elsewhere);
    mirror.entries.deaf = true;
    using deleting = mirror.gate.pause({ part: 'store here', method: 'delete' });
    const purging = mirror.manager.purge('local', 'here', url());
    await deleting.reached;
    expect(elsewhere.recallHit(mirror.object(PATH))).toBeNull();
    deleting.resume();
    await purging;
  });

  test('has no hit that it purged itself, even if only its marker list shows the purge', async () => {
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

  test('forgets all hits at once when it flushes', async () => {
    stopTheClock();
    await remember(mirror.manager);
    mirror.entries.deaf = true;
    await mirror.manager.flush();
    expect(mirror.manager.recallHit(mirror.object(PATH))).toBeNull();
  });

  test('reads the entry for a revalidation and forgets a hit that is wrong', async () => {
    stopTheClock();
    await remember(mirror.manager);
    mirror.entries.deaf = true;
    await mirror.here.objects.delete(copyKey(mirror.object(PATH), ''));
    const checked = mirror.redirect(PATH, { revalidate: true, waitMs: 0 });
    expect(await checked).toMatchObject({ kind: 'origin' });
    expect(mirror.manager.recallHit(mirror.object(PATH))).toBeNull();
  });

  test('does not read an entry again that the request reports as missing', async () => {
    expect(await mirror.manager.findHit(mirror.object(PATH))).toBe('missing');
    const reads = mirror.gate.count(GET);
    expect(await mirror.redirect(PATH, { missing: true })).toMatchObject({ kind: 'present', how: 'hit' });
    expect(mirror.gate.count(GET)).toBe(reads);
    expect(mirror.gate.count(CLAIM)).toBe(1);
  });

  test('finds an entry that was written after the request found it missing', async () => {
    await remember(elsewhere);
    expect(await mirror.redirect(PATH, { missing: true })).toMatchObject({ kind: 'present', how: 'hit' });
    expect(mirror.gate.count({ part: 'store here', method: 'head' })).toBe(0);
  });

  test('has no hits before the purge markers are read', async () => {
    await remember(elsewhere);
    using listing = mirror.gate.pause({ part: 'store here', method: 'list' });
    const fresh = mirror.otherManager({ remembersHits: true, backends: mirror.manager.backends });
    await listing.reached;
    expect(await fresh.findHit(mirror.object(PATH))).toBeNull();
    expect(fresh.recallHit(mirror.object(PATH))).toBeNull();
  });

  test('returns no object for a URL that is not allowed or a region that is unknown', () => {
    expect(mirror.manager.objectOf('local', 'here', url())).toMatchObject({ url: url().href });
    expect(mirror.manager.objectOf('local', 'nowhere', url())).toBeNull();
    expect(mirror.manager.objectOf('local', 'here', new URL('http://127.0.0.2/'))).toBeNull();
  });

  test('does not check the URL of an object again', async () => {
    await remember(mirror.manager);
    const object = mirror.manager.objectOf('local', 'here', url());
    // The object has its back end and URL, so these names are not looked up.
    const otherNames = { service: 'nowhere', url: new URL('http://127.0.0.2/') };
    expect(await mirror.redirect(PATH, otherNames)).toMatchObject({ kind: 'unknown_backend' });
    expect(await mirror.redirect(PATH, { ...otherNames, object })).toMatchObject({
      kind: 'present',
      how: 'hit',
    });
  });

  test('has no hits after disposal', async () => {
    await remember(elsewhere);
    await elsewhere[Symbol.asyncDispose]();
    expect(elsewhere.recallHit(mirror.object(PATH))).toBeNull();
    expect(await elsewhere.findHit(mirror.object(PATH))).toBeNull();
  });
});
