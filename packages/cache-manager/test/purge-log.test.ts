import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  beginPurgeLog,
  parsePurgeLogKey,
  PURGE_LOG_PREFIX,
  purgeLogKey,
  purgeLogSince,
  purgeLogStart,
  putSmall,
  urlSha256,
} from '@cloud-mirror/mirrored-objects';
import { StorageError } from '@cloud-mirror/storage-provider';
import { openMirror, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';
import { MarkerList } from '../src/marker-list.ts';

const PATH = '/bytes/100';
const LIST = { part: 'store here', method: 'list' };
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** An entry lives for a day, so the log is read for four. */
const ENTRY_LIFE_MS = DAY_MS;

let mirror: MirrorFixture;
let sha256: string;
beforeEach(async () => {
  mirror = await openMirror();
  ({ sha256 } = mirror.object(PATH).id);
});
afterEach(async () => {
  vi.useRealTimers();
  await mirror[Symbol.asyncDispose]();
});

/** A list for which even one key is many. */
function listOfMany(): MarkerList {
  return new MarkerList(mirror.here.store, { entryLifeMs: ENTRY_LIFE_MS, fewKeys: 0 });
}

/** Lets the log reach back further than lists read it, as some days after an upgrade. */
async function logForLong(): Promise<void> {
  const since = new Date(Date.now() - 30 * DAY_MS).toISOString();
  await putSmall(mirror.here.objects, 'purged/log-since', { since });
}

/** Writes a marker as version 0.2.0 did: without the log. */
async function purgeWithoutLog(path: string, generation: string): Promise<void> {
  await putSmall(mirror.here.objects, mirror.object(path).markerKey, { generation });
}

function listed(): string[] {
  return mirror.gate.of(LIST).map(({ subject }) => subject);
}

async function keysOf(prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of mirror.here.objects.list(prefix)) keys.push(key);
  return keys;
}

describe('a key of the log', () => {
  test.each(['Zk3_-9', 'a', '-', '_'.repeat(200)])(
    'holds time, object and generation %.10s',
    (generation) => {
      const atMs = Date.parse('2026-11-29T10:47:13Z');
      const key = purgeLogKey(atMs + 999, { sha256, generation });
      expect(parsePurgeLogKey(key)).toEqual({ atMs, sha256, generation });
      expect(key > purgeLogStart(atMs)).toBe(true);
      expect(key < purgeLogStart(atMs + 1_000)).toBe(true);
    },
  );

  test.each([
    '',
    '20261129104713',
    `20261129104713-${'a'.repeat(63)}-61`,
    `2026112910471x-${'a'.repeat(64)}-61`,
  ])('of another form is ignored: %s', (name) => {
    expect(parsePurgeLogKey(`${PURGE_LOG_PREFIX}${name}`)).toBeNull();
  });
});

describe('a purge', () => {
  test('is in the log before its entry is dropped', async () => {
    await mirror.manager.purge('local', 'here', new URL(mirror.origin.url(PATH)));
    const generation = await mirror.generationOf(PATH);
    const [key = ''] = await keysOf(PURGE_LOG_PREFIX);
    expect(parsePurgeLogKey(key)).toMatchObject({ sha256, generation });
    const logged = mirror.gate.order({ part: 'store here', method: 'put', subject: key });
    expect(logged).toBeGreaterThanOrEqual(0);
    expect(logged).toBeLessThan(mirror.gate.order({ part: 'entries', method: 'drop' }));
  });

  test('fails before it drops the entry if it cannot be written into the log', async () => {
    using _down = mirror.gate.fail(
      { part: 'store here', method: 'put', subject: 'purged/log-since' },
      () => new StorageError('store_unavailable', 'down'),
    );
    const results = await mirror.manager.purge('local', 'here', new URL(mirror.origin.url(PATH)));
    expect(results).toMatchObject([{ purged: false }]);
    expect(mirror.gate.count({ part: 'entries', method: 'drop' })).toBe(0);
  });
});

describe('the beginning of the log', () => {
  test('is the first purge, and stays when it is written again', async () => {
    const store = mirror.here.objects;
    expect(await purgeLogSince(store)).toBeNull();
    await beginPurgeLog(store);
    const since = await purgeLogSince(store);
    await beginPurgeLog(store);
    expect(await purgeLogSince(store)).toBe(since);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 20 * DAY_MS });
    await beginPurgeLog(store);
    expect((await store.head('purged/log-since'))?.metadata['since']).toBe(
      new Date(since ?? 0).toISOString(),
    );
    expect(await purgeLogSince(store)).toBe(since);
  });
});

describe('a list of many markers', () => {
  test('lists them all while there is no log, and then what is new by one listing', async () => {
    await purgeWithoutLog(PATH, 'old');
    const list = listOfMany();
    await list.load(1);
    expect(list.knows(sha256, '')).toBe(false);
    expect(list.knows(urlSha256('https://other.example/'), '', 0)).toBe(true);
    expect(listed().filter((prefix) => /^purged\/[0-9a-f]$/.test(prefix))).toHaveLength(16);
    const before = listed().length;
    await mirror.purgeElsewhere('/bytes/200');
    await list.load(2);
    expect(list.trusts(2)).toBe(true);
    expect(listed().slice(before)).toEqual([PURGE_LOG_PREFIX]);
    expect(list.knows(mirror.object('/bytes/200').id.sha256, '')).toBe(false);
    expect(list.knows(sha256, '')).toBe(false);
  });

  test('lists them all once for several connections at once', async () => {
    await purgeWithoutLog(PATH, 'old');
    const list = listOfMany();
    await Promise.all([list.load(1), list.load(2), list.load(3)]);
    expect(list.trusts(3)).toBe(true);
    expect(listed().filter((prefix) => /^purged\/[0-9a-f]$/.test(prefix))).toHaveLength(16);
    expect(listed().filter((prefix) => prefix === PURGE_LOG_PREFIX)).toHaveLength(3);
    expect(list.knows(sha256, '')).toBe(false);
  });

  test('is read from the log alone once that reaches back far enough', async () => {
    await logForLong();
    await mirror.purgeElsewhere(PATH);
    const list = listOfMany();
    await list.load(1);
    expect(listed().filter((prefix) => /^purged\/[0-9a-f]$/.test(prefix))).toEqual([]);
    expect(list.knows(sha256, '')).toBe(false);
  });

  test('does not know the generation of an entry that is older than what it has read', async () => {
    await logForLong();
    await mirror.purgeElsewhere('/bytes/200');
    const list = listOfMany();
    await list.load(1);
    const other = urlSha256('https://other.example/');
    expect(list.knows(other, '', Date.now() - ENTRY_LIFE_MS)).toBe(true);
    expect(list.knows(other, '', Date.now() - 4 * DAY_MS)).toBe(false);
  });

  test('keeps what a HEAD has read while the log names the same purge again', async () => {
    await logForLong();
    await mirror.purgeElsewhere(PATH);
    const list = listOfMany();
    await list.load(1);
    const generation = await mirror.generationOf(PATH);
    expect(list.knows(sha256, generation)).toBe(false);
    list.note(sha256, { generation, etag: '"e"' }, list.beginReading());
    await list.load(2);
    expect(list.knows(sha256, generation)).toBe(true);
    await mirror.purgeElsewhere(PATH);
    await list.load(3);
    expect(list.knows(sha256, generation)).toBe(false);
    expect(list.knows(sha256, '')).toBe(false);
  });

  test('finds a purge that came into the log minutes late', async () => {
    await logForLong();
    const list = listOfMany();
    await mirror.purgeElsewhere('/bytes/200');
    await list.load(1);
    const late = purgeLogKey(Date.now() - 9 * 60_000, { sha256, generation: 'late' });
    await putSmall(mirror.here.objects, late, {});
    await list.load(2);
    expect(list.knows(sha256, '')).toBe(false);
  });

  test('forgets markers that no entry can miss any more', async () => {
    await logForLong();
    await mirror.purgeElsewhere(PATH);
    const list = listOfMany();
    await list.load(1);
    expect(list.size.markers).toBe(1);
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    for (let hour = 0; hour < 5 * 24; hour += 2) {
      vi.advanceTimersByTime(2 * HOUR_MS);
      await list.load(2 + hour);
    }
    expect(list.size.markers).toBe(0);
  });

  test('is not trusted if the log cannot be read', async () => {
    await purgeWithoutLog(PATH, 'old');
    const list = listOfMany();
    await list.load(1);
    using _down = mirror.gate.fail({ ...LIST, subject: PURGE_LOG_PREFIX }, () => new Error('down'));
    await expect(list.load(2)).rejects.toThrow('down');
    expect(list.trusts(2)).toBe(false);
  });
});
