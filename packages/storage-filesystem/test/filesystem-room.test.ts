import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FilesystemStorageProviderOptions } from '../src/adapter.ts';
import type { OpenObject } from '@cloud-mirror/storage-provider';
import { FilesystemStorageProvider } from '../src/adapter.ts';
import { encodeFooter } from '../src/object-file.ts';
import { listed, pieces, plain, put } from '@cloud-mirror/storage-provider/contract';

const KIB = 1024;
const url = (name: string): string => `https://o.example.com/${name}`;
const nameOf = (key: string): string => createHash('sha256').update(key).digest('hex');

let directory: string;
let opened: AsyncDisposableStack;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'filesystem-room-'));
  opened = new AsyncDisposableStack();
  opened.defer(() => rm(directory, { recursive: true }));
});
afterEach(() => opened.disposeAsync());

function open(options: Partial<FilesystemStorageProviderOptions> = {}): FilesystemStorageProvider {
  return opened.use(
    new FilesystemStorageProvider({
      directory,
      urlBase: 'http://127.0.0.1/v1/objects/local/here/',
      maxBytes: 100 * KIB,
      onEvict: async () => {},
      ...options,
    }),
  );
}

async function keys(provider: FilesystemStorageProvider): Promise<string[]> {
  return (await listed(provider, '')).map(({ key }) => key).sort();
}

async function use(provider: FilesystemStorageProvider, key: string): Promise<void> {
  await using object = await provider.openNamed(nameOf(key));
  expect(object).not.toBeNull();
}

async function bytesOf(object: OpenObject, start: number, end: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of object.read(start, end)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function usedBytes(): Promise<{ readonly room: number }> {
  let room = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) room += (await stat(join(entry.parentPath, entry.name))).size;
  return { room };
}

const fileOf = (key: string): string =>
  join(directory, 'hashed', nameOf(key).slice(0, 2), `${nameOf(key)}.object`);

describe('room for objects', () => {
  it('is made by evicting the least recently used objects, after onEvict', async () => {
    const evicted: unknown[] = [];
    const provider = open({
      onEvict: async (key, metadata) => {
        evicted.push([key, metadata]);
        // The file still exists, because references to the object must be dropped first.
        await stat(fileOf(key));
      },
    });
    for (const name of ['a', 'b', 'c']) await put(provider, url(name), randomBytes(30 * KIB));
    await use(provider, url('a'));
    await put(provider, url('d'), randomBytes(30 * KIB));
    expect(evicted).toEqual([[url('b'), { generation: 'g1' }]]);
    expect(await keys(provider)).toEqual([url('a'), url('c'), url('d')]);
    await use(provider, url('c'));
    await use(provider, url('a'));
    await put(provider, url('e'), randomBytes(60 * KIB));
    expect(await keys(provider)).toEqual([url('a'), url('e')]);
  });

  it('is made for a body of unknown length while it arrives', async () => {
    const provider = open();
    for (const name of ['a', 'b', 'c']) await put(provider, url(name), randomBytes(30 * KIB));
    await provider.put(url('d'), pieces([randomBytes(20 * KIB), randomBytes(20 * KIB)]), plain(null));
    expect(await keys(provider)).toEqual([url('c'), url('d')]);
  });

  it('counts objects of an earlier process and evicts them by last use', async () => {
    const before = open();
    for (const [age, name] of ['c', 'b', 'a'].entries()) {
      await put(before, url(name), randomBytes(30 * KIB));
      const at = new Date(Date.now() - (3 - age) * 3_600_000);
      await utimes(fileOf(url(name)), at, at);
    }
    const after = open();
    await put(after, url('d'), randomBytes(30 * KIB));
    expect(await keys(after)).toEqual([url('a'), url('b'), url('d')]);
  });

  it('is not made for an object that exceeds the limit by itself', async () => {
    const provider = open();
    await put(provider, url('a'), randomBytes(50 * KIB));
    const expected = { code: 'store_full', retryable: false };
    await expect(put(provider, url('b'), randomBytes(101 * KIB))).rejects.toMatchObject(expected);
    expect(await keys(provider)).toEqual([url('a')]);
    await expect(
      provider.put(url('b'), pieces([randomBytes(60 * KIB), randomBytes(60 * KIB)]), plain(null)),
    ).rejects.toMatchObject(expected);
    expect(await provider.head(url('b'))).toBeNull();
    expect(await readdir(join(directory, 'temporary'))).toEqual([]);
  });

  it('is not made if onEvict rejects: the object stays', async () => {
    const provider = open({ onEvict: () => Promise.reject(new Error('entries unavailable')) });
    await put(provider, url('a'), randomBytes(60 * KIB));
    await expect(put(provider, url('b'), randomBytes(60 * KIB))).rejects.toMatchObject({
      code: 'store_full',
      retryable: true,
    });
    expect(await keys(provider)).toEqual([url('a')]);
  });

  it('is released by failed puts and by replaced and deleted objects', async () => {
    const provider = open({ onEvict: () => Promise.reject(new Error('nothing should be evicted')) });
    await put(provider, url('kept'), randomBytes(10 * KIB));
    for (let time = 0; time < 5; time++) {
      await expect(
        provider.put(url('short'), pieces([randomBytes(40 * KIB)]), plain(50 * KIB)),
      ).rejects.toMatchObject({ code: 'store_rejected' });
      await put(provider, url('replaced'), randomBytes(30 * KIB));
      await put(provider, url('removed'), randomBytes(20 * KIB));
      await provider.delete(url('removed'));
    }
    expect(await keys(provider)).toEqual([url('kept'), url('replaced')]);
  });

  it('is never made by evicting purge markers', async () => {
    const provider = open();
    const marker = `purged/${nameOf('x')}`;
    await put(provider, marker, Buffer.from('nonce'), { keep: true });
    for (const name of ['a', 'b', 'c', 'd']) await put(provider, url(name), randomBytes(60 * KIB));
    expect(await keys(provider)).toEqual([url('d'), marker]);
  });

  it.each([
    ['keys of plain words', ['plain/one', 'plain/two']],
    ['keys of URLs', [url('one'), url('two')]],
  ])('counts and evicts objects with %s', async (_what, [one = '', two = '']) => {
    const provider = open({ maxBytes: 1_500 });
    await put(provider, one, randomBytes(900));
    await put(provider, two, randomBytes(900));
    expect(await keys(provider)).toEqual([two]);
  });

  it.each([
    ['a key of plain words', 'plain/one'],
    ['the key of a URL', url('one')],
  ])('counts but does not evict an object put with keep under %s', async (_what, key) => {
    const provider = open({ maxBytes: 4 * KIB });
    await put(provider, key, randomBytes(2 * KIB), { keep: true });
    const small = ['a', 'b', 'c'].map(url);
    for (const name of small) await put(provider, name, randomBytes(KIB));
    expect(await keys(provider)).toEqual([url('c'), key].sort());
    await expect(put(provider, url('d'), randomBytes(3 * KIB))).rejects.toMatchObject({
      code: 'store_full',
      retryable: true,
    });
    // After a put without `keep`, the object can be evicted.
    await put(provider, key, randomBytes(KIB));
    await put(provider, url('e'), randomBytes(3 * KIB));
    expect(await keys(provider)).toEqual([url('e')]);
  });

  it('finds an object to evict among many older objects that are kept', async () => {
    const before = open({ maxBytes: 10 * KIB * KIB });
    for (let n = 0; n < 1_200; n++) await put(before, `kept/${n}`, Buffer.from('x'), { keep: true });
    await put(before, url('copy'), Buffer.from('x'));
    const { room } = await usedBytes();
    const after = open({ maxBytes: room + 100 });
    await put(after, url('other'), Buffer.from('x'));
    expect((await keys(after)).filter((key) => !key.startsWith('kept/'))).toEqual([url('other')]);
    expect(await keys(after)).toHaveLength(1_201);
  });

  it('stores an object with keep even if others cannot be evicted now', async () => {
    const provider = open({ onEvict: () => Promise.reject(new Error('entries unavailable')) });
    await put(provider, url('a'), randomBytes(99 * KIB));
    await put(provider, 'purged/aa', randomBytes(2 * KIB), { keep: true });
    expect(await keys(provider)).toEqual([url('a'), 'purged/aa']);
  });

  it('keeps objects with keys of plain words that versions before 0.3 stored without keep', async () => {
    const file = join(directory, 'named', 'purged', 'aa.object');
    await mkdir(dirname(file), { recursive: true });
    const description = {
      key: 'purged/aa',
      sizeBytes: 5,
      etag: '"e"',
      storedAt: 1,
      headers: { contentType: 'text/plain' },
      metadata: { generation: 'g1' },
    };
    await writeFile(file, Buffer.concat([Buffer.from('nonce'), encodeFooter(description)]));
    await utimes(file, 1, 1);
    const provider = open();
    for (const name of ['a', 'b']) await put(provider, url(name), randomBytes(99 * KIB));
    expect(await keys(provider)).toEqual([url('b'), 'purged/aa']);
    expect(await provider.head('purged/aa')).toMatchObject({ metadata: { generation: 'g1' } });
  });

  it('is made only once in a put on a full disk', async () => {
    const program = join(import.meta.dirname, 'full-disk-put.ts');
    // With SIGXFSZ ignored, a write beyond the limit of 8 blocks fails instead of ending the process.
    const { stdout } = await promisify(execFile)('/bin/sh', [
      '-c',
      'trap "" XFSZ; ulimit -f 8; exec "$0" "$@"',
      process.execPath,
      program,
      directory,
      String(64 * KIB),
    ]);
    expect(stdout.split('\n')).toEqual(['small stored', `evicted ${url('small')}`, 'large store_full', '']);
    expect(await readdir(join(directory, 'temporary'))).toEqual([]);
    expect(await keys(open())).toEqual([]);
  });
});

describe('an open object', () => {
  it('can be read to its end after it was deleted or replaced', async () => {
    const provider = open();
    const content = randomBytes(50 * KIB);
    await put(provider, url('a'), content);
    await using removed = await provider.openNamed(nameOf(url('a')));
    await put(provider, url('a'), Buffer.from('other'));
    await provider.delete(url('a'));
    expect(removed && (await bytesOf(removed, 0, content.length))).toEqual(content);
  });

  it('returns any range of its bytes, cut at its end', async () => {
    const provider = open({ maxBytes: 10 * KIB * KIB });
    const content = randomBytes(700 * KIB);
    await put(provider, url('a'), content);
    await using object = await provider.openNamed(nameOf(url('a')));
    expect(object?.object).toMatchObject({ sizeBytes: content.length, metadata: { generation: 'g1' } });
    for (const [start, end] of [
      [0, 1],
      [5, 5],
      [300_000, 700_000],
      [content.length - 1, content.length],
      [0, content.length + 100],
    ] as const)
      expect(object && (await bytesOf(object, start, end))).toEqual(content.subarray(start, end));
  });

  it('is found only by the SHA-256 of its key', async () => {
    const provider = open();
    await put(provider, url('a'), Buffer.from('x'));
    expect(await provider.urlFor(url('a'), 'GET')).toBe(
      `http://127.0.0.1/v1/objects/local/here/${nameOf(url('a'))}`,
    );
    for (const name of [
      '',
      '..',
      `../hashed/${nameOf(url('a'))}`,
      nameOf(url('a')).toUpperCase(),
      nameOf('b'),
    ])
      expect(await provider.openNamed(name)).toBeNull();
  });
});

describe('files of several processes', () => {
  it('let exactly one of many concurrent puts of a free key win', async () => {
    const providers = [open(), open(), open()];
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, n) =>
        put(providers[n % 3] ?? open(), url('a'), Buffer.from(`writer ${n}`), { ifNoneMatch: '*' }),
      ),
    );
    const won = results.filter(({ status }) => status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'store_exists' });
    expect(await readdir(join(directory, 'temporary'))).toEqual([]);
  });

  it('are swept from temporary/ once they are old', async () => {
    const provider = open();
    await mkdir(join(directory, 'temporary'), { recursive: true });
    for (const [name, ageMs] of [
      ['old', 7_200_000],
      ['young', 0],
    ] as const) {
      const file = join(directory, 'temporary', `4711-${name}.temporary`);
      await writeFile(file, 'left over');
      const at = new Date(Date.now() - ageMs);
      await utimes(file, at, at);
    }
    expect(await provider.sweepUploads(3_600_000)).toBe(1);
    expect(await readdir(join(directory, 'temporary'))).toEqual(['4711-young.temporary']);
  });

  it('are not swept while this process writes them, however old', async () => {
    const provider = open();
    const read = Promise.withResolvers<void>();
    const resumed = Promise.withResolvers<void>();
    async function* body(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('begin');
      read.resolve();
      await resumed.promise;
    }
    const putting = provider.put(url('a'), body(), plain(null));
    await read.promise;
    expect(await provider.sweepUploads(-3_600_000)).toBe(0);
    resumed.resolve();
    await putting;
    expect(await provider.head(url('a'))).not.toBeNull();
  });
});

describe('a damaged file', () => {
  it('counts as absent and is replaced by the next put', async () => {
    const provider = open();
    await put(provider, url('a'), randomBytes(KIB));
    await truncate(fileOf(url('a')), KIB + 50);
    expect(await provider.head(url('a'))).toBeNull();
    expect(await provider.openNamed(nameOf(url('a')))).toBeNull();
    expect(await keys(provider)).toEqual([]);
    await put(provider, url('a'), Buffer.from('again'), { ifNoneMatch: '*' });
    expect(await provider.head(url('a'))).toMatchObject({ sizeBytes: 5 });
  });

  // Treating a purge marker as absent would revive purged copies.
  it('of a purge marker is an error', async () => {
    const provider = open();
    await put(provider, 'purged/aa', Buffer.from('nonce'));
    await truncate(join(directory, 'named', 'purged', 'aa.object'), 3);
    await expect(provider.head('purged/aa')).rejects.toMatchObject({ code: 'store_corrupt' });
    await expect(listed(provider, 'purged/')).rejects.toMatchObject({ code: 'store_corrupt' });
  });
});

describe("another object's file under an object's name", () => {
  const markerFile = (word: string): string => join(directory, 'named', 'purged', `${word}.object`);

  it('counts as absent for every call, is reported once, and is replaced by the next put', async () => {
    const faults: unknown[] = [];
    const provider = open({ onFault: (...fault) => faults.push(fault) });
    await put(provider, url('a'), Buffer.from('bytes of a'));
    const b = await put(provider, url('b'), Buffer.from('bytes of b'));
    await copyFile(fileOf(url('b')), fileOf(url('a')));

    expect(await provider.head(url('a'))).toBeNull();
    expect(await provider.openNamed(nameOf(url('a')))).toBeNull();
    expect(await keys(provider)).toEqual([url('b')]);
    expect(faults).toEqual([[nameOf(url('a')), 'foreign']]);

    await expect(put(provider, url('a'), Buffer.from('x'), { ifMatch: b.etag ?? '' })).rejects.toMatchObject({
      code: 'store_exists',
    });
    await put(provider, url('a'), Buffer.from('a again'), { ifNoneMatch: '*' });
    expect(await provider.head(url('a'))).toMatchObject({ sizeBytes: 7 });
    expect(await provider.head(url('b'))).toMatchObject({ etag: b.etag });
  });

  it('is evicted without onEvict', async () => {
    const evicted: string[] = [];
    const provider = open({ onEvict: async (key) => void evicted.push(key) });
    await put(provider, url('a'), randomBytes(40 * KIB));
    await put(provider, url('b'), randomBytes(10 * KIB));
    await copyFile(fileOf(url('b')), fileOf(url('a')));
    await utimes(fileOf(url('a')), 1, 1);
    await put(open({ onEvict: async (key) => void evicted.push(key) }), url('c'), randomBytes(85 * KIB));
    expect(evicted).toEqual([]);
    expect(await keys(provider)).toEqual([url('b'), url('c')]);
  });

  it('is an error if it is a purge marker', async () => {
    const provider = open();
    await put(provider, 'purged/aa', Buffer.from('nonce'));
    await put(provider, 'purged/bb', Buffer.from('other'));
    await copyFile(markerFile('bb'), markerFile('aa'));
    await expect(provider.head('purged/aa')).rejects.toMatchObject({ code: 'store_corrupt' });
    await expect(listed(provider, 'purged/')).rejects.toMatchObject({ code: 'store_corrupt' });
  });
});

describe('the directory', () => {
  it('is created if it is missing', async () => {
    const below = join(directory, 'not', 'yet');
    const provider = open({ directory: below });
    const options = { longLivedPrefix: 'purged/', objectPrefixes: ['http'] };
    expect(await provider.prepare(options)).toEqual([`created directory ${below}`]);
    expect(await provider.prepare(options)).toEqual([]);
    await provider.check();
  });

  it('causes a StorageError if it is a file', async () => {
    const file = join(directory, 'file');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, '');
    const provider = open({ directory: file });
    await expect(provider.check()).rejects.toMatchObject({ name: 'StorageError' });
    await expect(put(provider, url('a'), Buffer.from('x'))).rejects.toMatchObject({ name: 'StorageError' });
  });
});
