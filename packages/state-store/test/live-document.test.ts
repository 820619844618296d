import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { FolderStateStore, LastGoodFiles, LiveDocument, NoWakeUps } from '@cloud-mirror/state-store';
import type { StateStore, WakeUps } from '@cloud-mirror/state-store';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'test-live-'));
  open.push({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) });
  return folder;
}

/** Wake-ups between documents of this process. */
function localWakeUps(): WakeUps & { published: number } {
  const listeners: ((name: string | null) => void)[] = [];
  return {
    published: 0,
    async publish(name) {
      this.published += 1;
      for (const listener of listeners) listener(name);
    },
    subscribe: (listener) => void listeners.push(listener),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

interface Options {
  readonly wakeUps?: WakeUps;
  readonly pollMs?: number;
  readonly wrap?: (store: StateStore) => StateStore;
  readonly maxBytes?: number;
}

async function openDocument(
  folder: string,
  { wakeUps = new NoWakeUps(), pollMs, wrap = (same) => same, maxBytes = 1000 }: Options = {},
) {
  const own = new FolderStateStore(join(folder, 'state'));
  if (pollMs !== undefined) Object.defineProperty(own, 'pollMs', { value: pollMs });
  await own.check().catch(() => undefined);
  const degraded: (string | null)[] = [];
  const document = await LiveDocument.open<readonly string[]>({
    name: 'names',
    store: wrap(own),
    lastGood: new LastGoodFiles(join(folder, 'last-good')),
    wakeUps,
    empty: [],
    maxBytes,
    parse(value) {
      if (!Array.isArray(value)) throw new Error('not a list');
      return value as string[];
    },
    onDegraded: (reason) => degraded.push(reason?.message ?? null),
  });
  open.push(document);
  return { document, degraded };
}

const add =
  (name: string) =>
  ({ value }: { value: readonly string[] }): readonly string[] => [...value, name];

describe('a live document', () => {
  test('is empty until somebody writes it', async () => {
    const { document } = await openDocument(await newFolder());
    expect(document.current).toEqual({ value: [], revision: '0' });
    expect(document.degraded).toBeNull();
  });

  test('changes with each update, and a restart finds the last version', async () => {
    const folder = await newFolder();
    const { document } = await openDocument(folder);
    const seen: string[] = [];
    document.onChange(({ revision }) => seen.push(revision));
    await document.update(add('a'));
    const { revision } = await document.update(add('b'));
    expect(revision).toMatch(/^2\./);
    expect(seen).toHaveLength(2);
    expect((await openDocument(folder)).document.current).toEqual({ value: ['a', 'b'], revision });
  });

  test('an update that returns the same value writes nothing and wakes nobody', async () => {
    const wakeUps = localWakeUps();
    const { document } = await openDocument(await newFolder(), { wakeUps });
    await document.update(({ value }) => value);
    expect(document.current.revision).toBe('0');
    expect(wakeUps.published).toBe(0);
  });

  test('an error of the change leaves everything as it was', async () => {
    const { document } = await openDocument(await newFolder());
    await document.update(add('a'));
    await expect(
      document.update(() => {
        throw new RangeError('no');
      }),
    ).rejects.toThrow(RangeError);
    expect(document.current.value).toEqual(['a']);
    await document.update(add('b'));
    expect(document.current.value).toEqual(['a', 'b']);
  });

  test('a wake-up brings the change of another process without a poll', async () => {
    const folder = await newFolder();
    const wakeUps = localWakeUps();
    const one = await openDocument(folder, { wakeUps, pollMs: 1e9 });
    const other = await openDocument(folder, { wakeUps, pollMs: 1e9 });
    const { revision } = await one.document.update(add('a'));
    await expect.poll(() => other.document.current.revision).toBe(revision);
  });

  test('a poll brings it where wake-ups are lost', async () => {
    const folder = await newFolder();
    const one = await openDocument(folder, { pollMs: 20 });
    const other = await openDocument(folder, { pollMs: 20 });
    const { revision } = await one.document.update(add('a'));
    await expect.poll(() => other.document.current.revision).toBe(revision);
  });

  test('concurrent updates of several processes are all kept', async () => {
    const folder = await newFolder();
    const documents = await Promise.all([1, 2, 3].map(() => openDocument(folder)));
    await Promise.all(
      documents.flatMap(({ document }, n) => ['a', 'b', 'c'].map((name) => document.update(add(name + n)))),
    );
    await documents[0]?.document.refresh();
    expect(documents[0]?.document.current.value.toSorted()).toEqual(
      ['a', 'b', 'c'].flatMap((name) => [0, 1, 2].map((n) => name + n)),
    );
  });

  test('a write whose answer was lost counts as done', async () => {
    const { document } = await openDocument(await newFolder(), {
      wrap: (store) =>
        Object.assign(Object.create(store) as StateStore, {
          pollMs: 1e9,
          check: () => store.check(),
          read: (...given: Parameters<StateStore['read']>) => store.read(...given),
          write: async (...given: Parameters<StateStore['write']>) => {
            await store.write(...given);
            const { StateError } = await import('@cloud-mirror/state-store');
            throw new StateError('state_unavailable', 'the answer was lost');
          },
        }),
    });
    await document.update(add('a'));
    await document.update(add('b'));
    expect(document.current.value).toEqual(['a', 'b']);
  });

  test('a value over the limit is refused and changes nothing', async () => {
    const { document } = await openDocument(await newFolder(), { maxBytes: 100 });
    await document.update(add('a'));
    await expect(document.update(add('x'.repeat(100)))).rejects.toMatchObject({ code: 'state_too_large' });
    expect(document.current.value).toEqual(['a']);
  });
});

describe('a live document whose store cannot be read', () => {
  test('stays in force, refuses changes, says so once, and recovers', async () => {
    const folder = await newFolder();
    const { document, degraded } = await openDocument(folder, { pollMs: 20 });
    await document.update(add('a'));
    await rename(join(folder, 'state'), join(folder, 'away'));
    await expect(document.update(add('b'))).rejects.toMatchObject({ code: 'state_unavailable' });
    await document.refresh();
    expect(document.current.value).toEqual(['a']);
    expect(document.degraded).not.toBeNull();
    expect(degraded).toHaveLength(1);
    await rename(join(folder, 'away'), join(folder, 'state'));
    await expect.poll(() => document.degraded).toBeNull();
    expect(degraded).toHaveLength(2);
    await document.update(add('b'));
    expect(document.current.value).toEqual(['a', 'b']);
  });

  test('starts with the last good version, and takes the store’s as soon as it can', async () => {
    const folder = await newFolder();
    const first = await openDocument(folder);
    const { revision } = await first.document.update(add('a'));
    await rename(join(folder, 'state'), join(folder, 'away'));
    await writeFile(join(folder, 'state'), 'no folder');
    const { document } = await openDocument(folder, { pollMs: 20 });
    expect(document.current).toEqual({ value: ['a'], revision });
    expect(document.degraded).not.toBeNull();
    await rm(join(folder, 'state'));
    await rename(join(folder, 'away'), join(folder, 'state'));
    await expect.poll(() => document.degraded).toBeNull();
    expect(document.current).toEqual({ value: ['a'], revision });
  });

  test.each([
    ['not JSON', 'garbage'],
    ['an unknown format', '{"format":2,"number":3,"id":"x","value":[]}'],
    ['an invalid value', '{"format":1,"number":3,"id":"x","value":{}}'],
  ])('keeps the last good version where the stored one is %s', async (_what, text) => {
    const folder = await newFolder();
    const { document } = await openDocument(folder, { pollMs: 20 });
    await document.update(add('a'));
    await writeFile(join(folder, 'state/names/000000000002.json'), text);
    await expect.poll(() => document.degraded).not.toBeNull();
    expect(document.current.value).toEqual(['a']);
    const restarted = await openDocument(folder);
    expect(restarted.document.current.value).toEqual(['a']);
    expect(restarted.document.degraded).not.toBeNull();
    await expect(document.update(add('b'))).rejects.toThrow();
    expect((await readdir(join(folder, 'state/names'))).length).toBe(2);
  });

  test('is closed while a call to the store is under way', async () => {
    const { document } = await openDocument(await newFolder(), {
      wrap: (store) => Object.assign(Object.create(store) as StateStore, { pollMs: 1e9 }),
    });
    vi.spyOn(FolderStateStore.prototype, 'read').mockReturnValueOnce(new Promise(() => undefined));
    const refreshing = document.refresh();
    await document[Symbol.asyncDispose]();
    await refreshing;
  });
});
