import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StorageError, type PutOptions } from '@cloud-mirror/storage-provider';
import type { PurgeResult } from '../src/index.ts';
import { copyKey } from '@cloud-mirror/mirrored-objects';
import { EntryStoreError, type Change } from '@cloud-mirror/entry-store';
import { MarkerLists } from '../src/marker-lists.ts';
import { purge } from '../src/purge.ts';
import { openMirror, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';

const PATH = '/bytes/100';
const STORE = { part: 'store here' };
const DROP = { part: 'entries', method: 'drop' };
const DELETE = { ...STORE, method: 'delete' };
const storeDown = (): Error => new StorageError('store_unavailable', 'the store is down');

let mirror: MirrorFixture;
let url: URL;
beforeEach(async () => {
  mirror = await openMirror();
  url = new URL(mirror.origin.url(PATH));
});
afterEach(() => mirror[Symbol.asyncDispose]());

async function purgeHere(): Promise<PurgeResult | undefined> {
  const [result] = await mirror.manager.purge('local', 'here', url);
  return result;
}

const stored = async (generation: string): Promise<boolean> =>
  (await mirror.here.objects.head(copyKey(mirror.object(PATH), generation))) !== null;

/** The nonces of all attempts to write a marker. */
function nonces(part?: string): (string | undefined)[] {
  const puts = mirror.gate.of({ method: 'put', ...(part === undefined ? {} : { part }) });
  return puts
    .filter(({ subject }) => subject === mirror.object(PATH).markerKey)
    .map(({ options }) => (options as PutOptions).metadata()['generation']);
}

describe('a purge', () => {
  test('removes copy and entry, and the next request gets a new copy at another address', async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    expect(await purgeHere()).toEqual({ backend: 'local/here', purged: true, error: null });
    expect(await stored('')).toBe(false);
    expect(await mirror.entries.get(mirror.object(PATH).id)).toBeNull();
    const waiting = mirror.redirect(PATH);
    const { generation } = await mirror.copyNext();
    expect(generation).toBe(await mirror.generationOf(PATH));
    expect(await waiting).toMatchObject({ location: await mirror.address(PATH, generation) });
  });

  test.each([
    ['a URL that was never mirrored', () => undefined, false],
    ['a copy without an entry', () => mirror.store(PATH), true],
    [
      'an entry without a copy',
      async () => {
        await mirror.entries.claim(mirror.object(PATH).id, {
          token: 't',
          leaseMs: 60_000,
          copyingLeaseMs: 1,
        });
      },
      true,
    ],
    [
      'a copy of a later generation',
      async () => {
        await mirror.purgeElsewhere(PATH);
        await mirror.store(PATH, await mirror.generationOf(PATH));
      },
      true,
    ],
    [
      'what has just been purged',
      async () => {
        await mirror.store(PATH);
        await purgeHere();
      },
      false,
    ],
  ])('says whether there was anything: %s', async (_name, arrange, found) => {
    await arrange();
    const nothing = found ? {} : { found: false };
    expect(await purgeHere()).toEqual({ backend: 'local/here', purged: true, error: null, ...nothing });
  });

  test('succeeds if the store cannot answer whether there was a copy', async () => {
    let heads = 0;
    // The first HEAD reads the marker.
    using _down = mirror.gate.fail({ ...STORE, method: 'head', subject: mirror.origin.url(PATH) }, () => {
      heads += 1;
      return storeDown();
    });
    expect(await purgeHere()).toEqual({ backend: 'local/here', purged: true, error: null });
    expect(heads).toBe(1);
  });

  test('writes its marker, drops the entry and then deletes the copies', async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    await purgeHere();
    const order = [{ ...STORE, method: 'put' }, DROP, DELETE].map((match) => mirror.gate.order(match));
    expect(order.every((place) => place >= 0)).toBe(true);
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  test('announces the change before it deletes anything', async () => {
    const changes: Change[] = [];
    using _listening = mirror.entries.subscribe((change) => changes.push(change));
    using deleting = mirror.gate.pause(DELETE);
    const purging = purgeHere();
    await deleting.reached;
    expect(changes).toEqual([{ type: 'changed', id: mirror.object(PATH).id, pending: false }]);
    deleting.resume();
    await purging;
  });

  test('tries once to write its marker, with a new nonce for each call', async () => {
    {
      using _down = mirror.gate.fail({ ...STORE, method: 'put' }, storeDown);
      expect(await purgeHere()).toMatchObject({ purged: false });
      expect(await purgeHere()).toMatchObject({ purged: false });
    }
    expect(await purgeHere()).toMatchObject({ purged: true });
    expect(await purgeHere()).toMatchObject({ purged: true });
    const puts = mirror.gate.of({ ...STORE, method: 'put', subject: mirror.object(PATH).markerKey });
    expect(puts).toHaveLength(4);
    for (const { options } of puts) {
      expect((options as PutOptions).attempts).toBe(1);
    }
    expect(new Set(nonces()).size).toBe(4);
    for (const nonce of nonces()) expect(nonce).toMatch(/^[0-9A-Za-z_-]{22}$/);
  });

  test('deletes only the keys of the empty and the previous generation', async () => {
    await purgeHere();
    const first = await mirror.generationOf(PATH);
    await mirror.store(PATH, '');
    await mirror.store(PATH, first);
    await mirror.store(PATH, 'never-seen');
    const from = mirror.gate.count(DELETE);
    await purgeHere();
    const object = mirror.object(PATH);
    const keys = mirror.gate
      .of(DELETE)
      .slice(from)
      .map(({ subject }) => subject);
    expect(keys.sort()).toEqual([copyKey(object, ''), copyKey(object, first)].sort());
    expect([await stored(''), await stored(first), await stored('never-seen')]).toEqual([false, false, true]);
    expect(await mirror.generationOf(PATH)).not.toBe(first);
  });

  test('waits between drop and deletion for as long as a read of the entry may take', async () => {
    mirror.entries.timeLimitMs = 60_000;
    await using markers = new MarkerLists(new Map([[mirror.here.name, mirror.here]]), () => undefined);
    const given = new AbortController();
    const purging = purge([mirror.object(PATH)], { entries: mirror.gatedEntries, markers }, given.signal);
    await mirror.gate.seen(DROP);
    // Without the wait, the deletion would have begun after these turns of the event loop.
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    given.abort();
    expect(await purging).toMatchObject([{ purged: false }]);
    expect(mirror.gate.count(DELETE)).toBe(0);
  });

  test.each([
    ['the marker cannot be read', { ...STORE, method: 'head' }, storeDown],
    ['the marker cannot be written', { ...STORE, method: 'put' }, storeDown],
    ['the entry cannot be dropped', DROP, () => new EntryStoreError('the entry store is down')],
    ['the objects cannot be deleted', DELETE, storeDown],
  ])('fails if %s, and calling again is safe', async (_, match, error) => {
    await mirror.store(PATH);
    {
      using _down = mirror.gate.fail(match, error);
      expect(await purgeHere()).toMatchObject({
        purged: false,
        error: expect.stringContaining('does not answer') as string,
      });
    }
    expect(await purgeHere()).toMatchObject({ purged: true });
    expect(await stored('')).toBe(false);
  });
});

describe('a purge of all regions', () => {
  test('uses one nonce and writes all markers before it drops or deletes anything', async () => {
    using marked = mirror.gate.pause({ part: 'store here', method: 'put' }, 'answer');
    using marking = mirror.gate.pause({ part: 'store there', method: 'put' });
    const purging = mirror.manager.purge('local', 'all', url);
    await Promise.all([marked.reached, marking.reached]);
    marked.resume();
    // A drop that waits for one marker only would have begun after these turns of the event loop.
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    expect(mirror.gate.count(DROP)).toBe(0);
    expect(mirror.gate.count({ method: 'delete' })).toBe(0);
    marking.resume();
    expect(await purging).toEqual([
      { backend: 'local/here', purged: true, error: null, found: false },
      { backend: 'local/there', purged: true, error: null, found: false },
    ]);
    expect(nonces('store here')).toHaveLength(1);
    expect(nonces('store here')).toEqual(nonces('store there'));
  });

  test('reports each region, and a failure in one does not stop the others', async () => {
    using _down = mirror.gate.fail({ part: 'store there', method: 'put' }, storeDown);
    expect(await mirror.manager.purge('local', 'all', url)).toMatchObject([
      { backend: 'local/here', purged: true },
      { backend: 'local/there', purged: false, error: 'the object store does not answer' },
    ]);
    expect(mirror.gate.count({ part: 'store there', method: 'delete' })).toBe(0);
  });

  test('returns only the public cause, and logs the error with its hosts and buckets', async () => {
    const failures: unknown[] = [];
    await using observed = await openMirror({
      events: { partFailed: (...failure) => failures.push(failure) },
    });
    const failure = new StorageError('store_unavailable', 'connect ECONNREFUSED 10.1.2.3:443');
    using _down = observed.gate.fail({ part: 'store there', method: 'put' }, () => failure);
    const results = await observed.manager.purge('local', 'all', new URL(observed.origin.url(PATH)));
    expect(JSON.stringify(results)).not.toContain('10.1.2.3');
    expect(failures).toEqual([['store', 'local/there', failure]]);
  });
});

describe('concurrent purges and requests', () => {
  test('two concurrent purges leave nothing that leads to the purged copy', async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    const other = mirror.otherManager();
    await Promise.all([purgeHere(), other.purge('local', 'here', url), purgeHere()]);
    const waiting = mirror.redirect(PATH);
    const { generation } = await mirror.copyNext();
    expect(generation).toBe(await mirror.generationOf(PATH));
    expect(await waiting).toMatchObject({ location: await mirror.address(PATH, generation) });
  });

  test('a purge that dies after writing its marker leaves nothing that leads to the old copy', async () => {
    await mirror.store(PATH);
    await mirror.redirect(PATH);
    {
      using _killed = mirror.gate.fail(DELETE, storeDown);
      await purgeHere();
    }
    const waiting = mirror.redirect(PATH);
    const { generation } = await mirror.copyNext();
    expect(await waiting).toMatchObject({ location: await mirror.address(PATH, generation) });
    expect(generation).not.toBe('');
  });

  test('a waiting client gets the copy of the new generation, never the one that was in flight', async () => {
    const waiting = mirror.redirect(PATH);
    const { job, delivery } = await mirror.nextJob();
    const { id } = mirror.object(PATH);
    await mirror.entries.take(id, { token: 'in flight', jobToken: job.token, leaseMs: 60_000 });
    await purgeHere();
    await mirror.store(PATH, job.generation);
    expect(await mirror.entries.renew(id, 'in flight', { leaseMs: 60_000, bytes: 1 })).toBe(false);
    await delivery.acknowledge();
    const { generation } = await mirror.copyNext();
    expect(await waiting).toMatchObject({ location: await mirror.address(PATH, generation) });
    expect(generation).toBe(await mirror.generationOf(PATH));
  });
});
