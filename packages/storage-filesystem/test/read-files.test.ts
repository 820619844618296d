import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { put } from '@cloud-mirror/storage-provider/contract';
import type { OpenObject } from '@cloud-mirror/storage-provider';
import { FilesystemStorageProvider } from '../src/adapter.ts';

/*
 * A removed file keeps its bytes until its last reader closes it. Readers must not make the disk hold more than 1.2 times
 * `maxBytes`.
 */

const KIB = 1024;
const OBJECT_BYTES = 20 * KIB;
const MAX_BYTES = 110 * KIB;

let directory: string;
let opened: AsyncDisposableStack;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'read-files-'));
  opened = new AsyncDisposableStack();
  opened.defer(() => rm(directory, { recursive: true }));
});
afterEach(() => opened.disposeAsync());

function open(): FilesystemStorageProvider {
  return opened.use(
    new FilesystemStorageProvider({
      directory,
      urlBase: 'http://127.0.0.1/v1/objects/local/here/',
      maxBytes: MAX_BYTES,
      onEvict: async () => {},
    }),
  );
}

const url = (name: string): string => `https://o.example.com/${name}`;

async function store(provider: FilesystemStorageProvider, name: string): Promise<void> {
  await put(provider, url(name), Buffer.alloc(OBJECT_BYTES, name));
}

async function read(provider: FilesystemStorageProvider, name: string): Promise<OpenObject> {
  const object = await provider.openNamed(createHash('sha256').update(url(name)).digest('hex'));
  if (object === null) throw new Error(`no object ${name}`);
  return opened.use(object);
}

async function firstByte(object: OpenObject): Promise<number | undefined> {
  for await (const chunk of object.read(0, 1)) return chunk[0];
  return undefined;
}

describe('readers of removed objects', () => {
  const REMOVALS: readonly (readonly [
    string,
    (writer: FilesystemStorageProvider, name: string) => Promise<void>,
  ])[] = [
    ['evicted', async (writer, name) => store(writer, `new-${name}`)],
    ['replaced', async (writer, name) => store(writer, name)],
    ['deleted', async (writer, name) => writer.delete(url(name))],
  ];

  test.each(REMOVALS)('are cut beyond a fifth of maxBytes, if objects are %s', async (_how, remove) => {
    const provider = open();
    const names = ['a', 'b', 'c', 'd', 'e'];
    for (const name of names) await store(provider, name);
    const objects = [];
    for (const name of names) objects.push(await read(provider, name));
    for (const name of names) await remove(provider, name);
    for (const name of ['f', 'g', 'h', 'i', 'j']) await store(provider, name);
    await expect.poll(() => provider.removedObjects.readersCut, { timeout: 10_000 }).toBe(4);
    expect(provider.removedObjects.bytes).toBeLessThanOrEqual(MAX_BYTES / 5);
    expect(objects.map(({ withdrawn }) => withdrawn.aborted)).toEqual([true, true, true, true, false]);
    const [cut, , , , kept] = objects as [OpenObject, OpenObject, OpenObject, OpenObject, OpenObject];
    await expect(firstByte(cut)).rejects.toMatchObject({ code: 'store_full' });
    expect(await firstByte(kept)).toBe('e'.charCodeAt(0));
  });

  test('are cut if another process removes the objects', async () => {
    const [reader, writer] = [open(), open()];
    for (const name of ['a', 'b']) await store(writer, name);
    const objects = [await read(reader, 'a'), await read(reader, 'b')];
    for (const name of ['a', 'b']) await writer.delete(url(name));
    await expect.poll(() => reader.removedObjects.readersCut, { timeout: 10_000 }).toBe(1);
    expect(objects.map(({ withdrawn }) => withdrawn.aborted)).toEqual([true, false]);
  });

  test('of one object count once', async () => {
    const provider = open();
    await store(provider, 'a');
    const objects = [];
    for (let count = 0; count < 20; count += 1) objects.push(await read(provider, 'a'));
    await provider.delete(url('a'));
    await expect.poll(() => provider.removedObjects.bytes).toBeGreaterThan(OBJECT_BYTES - 1);
    expect(objects.some(({ withdrawn }) => withdrawn.aborted)).toBe(false);
  });

  test('hold nothing once they are closed', async () => {
    const provider = open();
    await store(provider, 'a');
    const object = await read(provider, 'a');
    await provider.delete(url('a'));
    await object[Symbol.asyncDispose]();
    expect(provider.removedObjects).toEqual({ bytes: 0, readersCut: 0 });
  });
});
