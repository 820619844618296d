import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StorageError } from '@cloud-mirror/storage-provider';
import { EntryStoreError } from '@cloud-mirror/entry-store';
import { copyKey } from '@cloud-mirror/mirrored-objects';
import { createSourcePolicy } from '@cloud-mirror/origin';
import { openMirror, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';
import { NotMirroredError, type PurgeResult } from '../src/index.ts';

const PATH = '/bytes/100';

let mirror: MirrorFixture;
beforeEach(async () => {
  // Rules that no longer allow the origin.
  mirror = await openMirror({
    policy: createSourcePolicy({ requireTls: false, allow: [{ prefix: 'https://elsewhere.example/' }] }),
  });
});
afterEach(() => mirror[Symbol.asyncDispose]());

function purge(region: 'here' | 'all', path = PATH): Promise<PurgeResult[]> {
  return mirror.manager.purge('local', region, new URL(mirror.origin.url(path)));
}

async function markers(): Promise<string[]> {
  const keys: string[] = [];
  for (const { objects } of [mirror.here, mirror.there])
    for await (const { key } of objects.list('purged/')) keys.push(key);
  return keys;
}

describe('a purge of a URL that no rule allows', () => {
  test.each(['here', 'all'] as const)('writes nothing if nothing is stored: %s', async (region) => {
    for (let number = 0; number < 3; number += 1)
      await expect(purge(region, `/made-up/${number}`)).rejects.toThrow(NotMirroredError);
    expect(await markers()).toEqual([]);
    expect(mirror.gate.count({ method: 'put' })).toBe(0);
    expect(mirror.gate.count({ method: 'drop' })).toBe(0);
    expect(mirror.gate.count({ method: 'delete' })).toBe(0);
  });

  const claim = () =>
    mirror.entries.claim(mirror.object(PATH).id, { token: 't', leaseMs: 60_000, copyingLeaseMs: 1 });
  /** Purges it while a rule still allows it. */
  const purgeAllowed = async (): Promise<void> => {
    const { baseUrl } = mirror.origin;
    const allow = [{ prefix: `${baseUrl}/`, privateAddresses: true }];
    const other = mirror.otherManager({ policy: createSourcePolicy({ requireTls: false, allow }) });
    await other.purge('local', 'here', new URL(mirror.origin.url(PATH)));
  };
  test.each([
    ['a copy without an entry', () => mirror.store(PATH)],
    ['an entry without a copy', claim],
    ['the marker of an earlier purge', purgeAllowed],
    [
      'a copy of a later generation',
      async () => {
        await purgeAllowed();
        await mirror.store(PATH, await mirror.generationOf(PATH));
      },
    ],
  ])('purges what was allowed once: %s', async (_what, arrange) => {
    await arrange();
    const before = await mirror.generationOf(PATH);
    for (const region of ['here', 'all'] as const) {
      const results = await purge(region);
      expect(results.every(({ purged }) => purged)).toBe(true);
    }
    expect(await mirror.generationOf(PATH)).not.toBe(before);
    expect(await mirror.entries.get(mirror.object(PATH).id)).toBeNull();
    for (const generation of ['', before])
      expect(await mirror.here.objects.head(copyKey(mirror.object(PATH), generation))).toBeNull();
  });

  test.each([
    ['the entry store', { part: 'entries', method: 'get' }, () => new EntryStoreError('down')],
    ['a store', { part: 'store there', method: 'head' }, () => new StorageError('store_unavailable', 'down')],
  ])('fails if %s does not say whether anything is stored', async (_what, match, error) => {
    using _down = mirror.gate.fail(match, error);
    await expect(purge('all')).rejects.toThrow('down');
    expect(await markers()).toEqual([]);
  });

  test('is made if one region has something, whatever another one says', async () => {
    await mirror.store(PATH);
    using _down = mirror.gate.fail(
      { part: 'store there' },
      () => new StorageError('store_unavailable', 'down'),
    );
    expect(await purge('all')).toMatchObject([
      { backend: 'local/here', purged: true },
      { backend: 'local/there', purged: false },
    ]);
  });
});
