import { beforeEach, afterEach, describe, expect, test } from 'vitest';
import { StorageError } from '@cloud-mirror/storage-provider';
import { MarkerList } from '../src/marker-list.ts';
import { MarkerLists } from '../src/marker-lists.ts';
import { openMirror, type MirrorFixture } from '@cloud-mirror/testing/mirror-fixture';

const PATH = '/bytes/100';
const LIST = { part: 'store here', method: 'list' };

let mirror: MirrorFixture;
let list: MarkerList;
let sha256: string;
beforeEach(async () => {
  mirror = await openMirror();
  list = new MarkerList(mirror.here.store);
  ({ sha256 } = mirror.object(PATH).id);
});
afterEach(() => mirror[Symbol.asyncDispose]());

/** Whether the list has a marker without knowing its generation. */
async function isUnknown(): Promise<boolean> {
  return !list.knows(sha256, '') && !list.knows(sha256, await mirror.generationOf(PATH));
}

/** The marker as a HEAD returns it now. */
async function readMarker(): Promise<{ generation: string; etag: string | null }> {
  const marker = await mirror.here.objects.head(mirror.object(PATH).markerKey);
  return { generation: await mirror.generationOf(PATH), etag: marker?.etag ?? null };
}

describe('the marker list', () => {
  test('is trusted only for the connection for which it was read', async () => {
    expect(list.trusts(1)).toBe(false);
    await list.load(1);
    expect(list.trusts(1)).toBe(true);
    expect(list.trusts(2)).toBe(false);
    await list.load(2);
    expect(list.trusts(2)).toBe(true);
  });

  test('contains a purged object, whose generation is unknown until a HEAD reads it', async () => {
    await list.load(1);
    expect(list.knows(sha256, '')).toBe(true);
    await mirror.purgeElsewhere(PATH);
    expect(list.knows(sha256, '')).toBe(true);
    await list.load(1);
    expect(await isUnknown()).toBe(true);
    const marker = await readMarker();
    list.note(sha256, marker, list.beginReading());
    expect(list.knows(sha256, marker.generation)).toBe(true);
  });

  test('keeps a generation until the marker is written again', async () => {
    await mirror.purgeElsewhere(PATH);
    const marker = await readMarker();
    await list.load(1);
    list.note(sha256, marker, list.beginReading());
    await list.load(1);
    expect(list.knows(sha256, marker.generation)).toBe(true);
    await mirror.purgeElsewhere(PATH);
    await list.load(1);
    expect(await isUnknown()).toBe(true);
  });

  test('keeps a marker that was written after the listing began', async () => {
    using listed = mirror.gate.pause(LIST, 'answer');
    const loading = list.load(1);
    await listed.reached;
    list.note(sha256, { generation: 'newer', etag: '"newer"' }, list.beginReading());
    listed.resume();
    await loading;
    expect(list.knows(sha256, 'newer')).toBe(true);
  });

  test('ignores a HEAD that began before the listing that found the marker', async () => {
    const early = list.beginReading();
    await mirror.purgeElsewhere(PATH);
    await list.load(1);
    list.note(sha256, { generation: '', etag: null }, early);
    expect(await isUnknown()).toBe(true);
  });

  test('forgets a deleted marker', async () => {
    await mirror.purgeElsewhere(PATH);
    await list.load(1);
    list.note(sha256, await readMarker(), list.beginReading());
    list.note(sha256, { generation: '', etag: null }, list.beginReading());
    expect(list.knows(sha256, '')).toBe(true);
    await mirror.here.objects.delete(mirror.object(PATH).markerKey);
    await list.load(1);
    expect(list.knows(sha256, '')).toBe(true);
  });

  test('is read once for concurrent calls for the same connection, and again for another one', async () => {
    const before = mirror.gate.count(LIST);
    await Promise.all([list.load(1), list.load(1), list.load(1)]);
    expect(mirror.gate.count(LIST)).toBe(before + 1);
    await Promise.all([list.load(1), list.load(2)]);
    expect(mirror.gate.count(LIST)).toBe(before + 3);
    expect(list.trusts(2)).toBe(true);
  });

  test('stays trusted when a reading for an earlier connection ends later', async () => {
    using slow = mirror.gate.pause(LIST, 'answer');
    const first = list.load(1);
    await slow.reached;
    await list.load(2);
    slow.resume();
    await first;
    expect(list.trusts(2)).toBe(true);
  });

  test('is not trusted and keeps its contents if it cannot be read', async () => {
    await mirror.purgeElsewhere(PATH);
    await list.load(1);
    using _down = mirror.gate.fail(LIST, () => new StorageError('store_unavailable', 'down'));
    await expect(list.load(2)).rejects.toThrow('down');
    expect(list.trusts(2)).toBe(false);
    expect(await isUnknown()).toBe(true);
  });
});

test('a marker that this process wrote is known at once, even during a reading of the list', async () => {
  await using lists = new MarkerLists(new Map([[mirror.here.name, mirror.here]]), () => undefined);
  const object = mirror.object(PATH);
  using listed = mirror.gate.pause(LIST, 'answer');
  const reading = lists.refresh(mirror.here.name, 1);
  await listed.reached;
  const read = Promise.withResolvers<undefined>();
  const heading = lists.lookUp(object, async (onMarker) => {
    await read.promise;
    onMarker({ generation: '', etag: null });
  });
  lists.wrote(object, { generation: 'mine', etag: '"mine"' });
  read.resolve(undefined);
  await heading;
  listed.resume();
  await reading;
  expect(lists.knows(object, { generation: 'mine', since: 0 })).toBe(true);
});
