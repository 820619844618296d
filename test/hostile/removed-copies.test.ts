import { readdir, readlink, mkdtemp, rm, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchThrough } from '@cloud-mirror/testing/fetch';
import { embeddedConfig } from '@cloud-mirror/testing/mirror-config';
import { startStandaloneMirror, type Mirror } from '@cloud-mirror/testing/mirror';
import { startOriginServer, type OriginServer } from '@cloud-mirror/testing/origin-server';

/*
 * Clients that begin downloads and then read nothing keep evicted files on the disk: without a limit, a dozen such readers held
 * 153 MB of a store with `maxBytes` of 30 MB.
 */

const MB = 1_000_000;
const MAX_BYTES = 30 * MB;
const OBJECT_BYTES = 10 * MB;

let opened: AsyncDisposableStack;
let origin: OriginServer;
let mirror: Mirror;
let directory: string;

beforeAll(async () => {
  opened = new AsyncDisposableStack();
  directory = await mkdtemp(join(tmpdir(), 'cloud-mirror-test-'));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  origin = opened.use(await startOriginServer());
  const overrides = { services: { local: { maxBytes: MAX_BYTES } } };
  const config = await embeddedConfig({ origins: [origin.baseUrl], directory, overrides });
  mirror = opened.use(await startStandaloneMirror(config));
});
afterAll(() => opened?.disposeAsync());

/** Begins a download and reads nothing. */
async function stalledReader(location: string): Promise<Socket> {
  const { hostname, port, pathname } = new URL(location);
  const socket = connect(Number(port), hostname);
  opened.defer(() => void socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`);
  return socket;
}

/** The open files of the program that have been removed: their bytes, by inode. */
async function removedBytes(): Promise<number> {
  const folder = `/proc/${mirror.frontend.pid}/fd`;
  const removed = new Map<number, number>();
  for (const name of await readdir(folder)) {
    const file = await readlink(join(folder, name)).catch(() => '');
    if (!file.startsWith(directory) || !file.endsWith(' (deleted)')) continue;
    const found = await stat(join(folder, name)).catch(() => null);
    if (found !== null) removed.set(found.ino, found.size);
  }
  return [...removed.values()].reduce((sum, bytes) => sum + bytes, 0);
}

async function namedBytes(): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }))
    if (entry.isFile())
      bytes += await stat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      );
  return bytes;
}

test.runIf(process.platform === 'linux')(
  'readers of removed copies do not make the disk hold more than 1.2 times maxBytes',
  async () => {
    for (let number = 0; number < 8; number += 1) {
      const { location } = await fetchThrough(
        mirror.redirectUrl('here', origin.url(`/bytes/${OBJECT_BYTES}/${number}`)),
      );
      await stalledReader(location);
    }
    await eventually(async () => (await removedBytes()) + (await namedBytes()) <= 1.2 * MAX_BYTES);
    const metrics = await (await fetch(mirror.frontend.url('/metrics'))).text();
    expect(metrics).toMatch(/cloud_mirror_object_readers_cut_total\{reason="removed"\} [1-9]/);
    const line = await mirror.frontend.log((one) => one['outcome'] === 'object_removed');
    expect(line['route']).toBe('objects');
    // Others are served meanwhile.
    const { artifact } = await fetchThrough(mirror.redirectUrl('here', origin.url('/bytes/1000/good')));
    expect(artifact.bytes.length).toBe(1000);
  },
);
