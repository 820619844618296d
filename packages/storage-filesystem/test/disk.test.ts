import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pieces, plain } from '@cloud-mirror/storage-provider/contract';
import { eventually } from '@cloud-mirror/testing/eventually';
import { FilesystemStorageProvider } from '../src/adapter.ts';
import { Disk } from '../src/disk.ts';
import { FileCalls } from '../src/file-calls.ts';

/** A FIFO without a writer stands for a disk that hangs: it blocks the thread that opens it. */
let fifo: string;
let file: string;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'disk-'));
  fifo = join(folder, 'fifo');
  file = join(folder, 'file');
  execFileSync('mkfifo', [fifo]);
  await writeFile(file, 'content');
});

afterEach(() => rm(folder, { recursive: true }));

/** Lets the threads go on that are opening the FIFO. */
async function release(): Promise<void> {
  const writer = await open(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  await writer.close();
}

const UNAVAILABLE = {
  code: 'store_unavailable',
  message: expect.stringContaining('does not answer') as string,
};

describe('a disk that hangs', () => {
  test('makes callers wait no longer than the limit, and others still get through', async () => {
    const disk = new Disk({ calls: 2, shortMs: 100, longMs: 100 });
    await expect(disk.open(fifo, 'r')).rejects.toMatchObject(UNAVAILABLE);
    expect((await disk.stat(file)).size).toBe(7);
    await release();
  });

  test('is not called any more once it holds all its places, until it answers', async () => {
    const disk = new Disk({ calls: 2, shortMs: 200, longMs: 200 });
    const opening = Array.from({ length: 5 }, () => disk.open(fifo, 'r'));
    for (const result of await Promise.allSettled(opening))
      expect(result).toMatchObject({ status: 'rejected', reason: UNAVAILABLE });
    await expect(disk.stat(file)).rejects.toMatchObject(UNAVAILABLE);
    // Other file calls of the process have threads.
    expect(await readFile(file, 'utf8')).toBe('content');
    await release();
    await eventually(async () => (await disk.stat(file).catch(() => null))?.size === 7);
  });

  test('holds callers up for a short time only once the store is closed', async () => {
    const disk = new Disk({ calls: 1, shortMs: 600_000, longMs: 600_000 });
    const opening = expect(disk.open(fifo, 'r')).rejects.toMatchObject(UNAVAILABLE);
    const waiting = expect(disk.stat(file)).rejects.toMatchObject(UNAVAILABLE);
    disk.shorten(50);
    await Promise.all([opening, waiting]);
    await release();
  });

  test('makes no caller wait longer than the limit for its turn', async () => {
    const disk = new Disk({ calls: 1, shortMs: 100, longMs: 600_000 });
    const writing = expect(disk.writeFile(fifo, '')).resolves.toBeUndefined();
    await expect(disk.stat(file)).rejects.toMatchObject(UNAVAILABLE);
    const reader = await open(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    await writing;
    await reader.close();
    expect((await disk.stat(file)).size).toBe(7);
  });

  test('leaves no file open that it opened too late', async () => {
    const closed: number[] = [];
    const calls = new FileCalls({ calls: 1, shortMs: 20, longMs: 20 });
    const late = Promise.withResolvers<number>();
    const call = {
      what: 'opening',
      takes: 'short' as const,
      make: () => late.promise,
      onLate: (fd: number) => closed.push(fd),
    };
    await expect(calls.run(call)).rejects.toMatchObject(UNAVAILABLE);
    late.resolve(7);
    await eventually(() => closed.length === 1);
    expect(await calls.run({ ...call, make: async () => 8 })).toBe(8);
  });
});

test('never more calls than places are under way, and all of them succeed', async () => {
  const calls = new FileCalls({ calls: 3, shortMs: 10_000, longMs: 10_000 });
  let running = 0;
  let most = 0;
  const make = async (): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  };
  await Promise.all(Array.from({ length: 100 }, () => calls.run({ what: 'x', takes: 'short', make })));
  expect(most).toBe(3);
});

test('a failing call gives its place back', async () => {
  const disk = new Disk({ calls: 1, shortMs: 10_000, longMs: 10_000 });
  for (let index = 0; index < 3; index += 1)
    await expect(disk.stat(join(folder, 'absent'))).rejects.toMatchObject({ code: 'ENOENT' });
  const opened = await disk.open(file, 'r');
  await opened.close();
  const names: string[] = [];
  for await (const { name } of disk.entriesOf(folder)) names.push(name);
  expect(names.sort()).toEqual(['fifo', 'file']);
});

test('a put that hangs ends soon after it is aborted, and so does the closing of the store', async () => {
  const directory = join(folder, 'objects');
  const store = new FilesystemStorageProvider({
    directory,
    urlBase: 'http://127.0.0.1/',
    maxBytes: 1_000_000,
    onEvict: async () => {},
  });
  await store.check();
  const prefix = join(directory, 'prefixes', 'g');
  execFileSync('mkfifo', [prefix]);
  const stop = new AbortController();
  const put = (key: string, signal?: AbortSignal) =>
    store.put(`g/${key}`, pieces([Buffer.from('bytes')]), { ...plain(5), signal });
  const aborted = expect(put('https://a.test/x', stop.signal)).rejects.toThrow('stopped');
  // The body is complete, and its file stays where it is: the put hangs in its last step, or comes to it now.
  const staged = join(directory, 'temporary');
  await eventually(async () => {
    const [name] = await readdir(staged);
    return name !== undefined && (await stat(join(staged, name))).size > 5;
  });
  stop.abort(new Error('stopped'));
  await aborted;
  const closed = expect(put('https://a.test/y')).rejects.toMatchObject({ code: 'store_unavailable' });
  await store[Symbol.asyncDispose]();
  await closed;
  const reader = await open(prefix, constants.O_RDONLY | constants.O_NONBLOCK);
  await reader.close();
});

test('a FIFO in the place of an object counts as damaged and is replaced by the next put', async () => {
  const faults: string[] = [];
  await using store = new FilesystemStorageProvider({
    directory: join(folder, 'objects'),
    urlBase: 'http://127.0.0.1/',
    maxBytes: 1_000_000,
    onEvict: async () => {},
    onFault: (_, fault) => faults.push(fault),
  });
  const put = () => store.put('https://a.test/x', pieces([Buffer.from('bytes')]), plain(5));
  await put();
  const hashed = join(folder, 'objects', 'hashed');
  const [name] = (await readdir(hashed, { recursive: true })).filter((each) => each.endsWith('.object'));
  const place = join(hashed, name ?? '');
  await rm(place);
  execFileSync('mkfifo', [place]);
  expect(await store.head('https://a.test/x')).toBeNull();
  expect(faults).toEqual(['damaged']);
  await put();
  expect(await store.head('https://a.test/x')).toMatchObject({ sizeBytes: 5 });
});
