import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire, fetchThrough } from '@cloud-mirror/testing/fetch';
import { embeddedConfig } from '@cloud-mirror/testing/mirror-config';
import { redirectPath } from '@cloud-mirror/testing/mirror';
import { startOriginServer } from '@cloud-mirror/testing/origin-server';
import { STANDALONE, startProgram } from '@cloud-mirror/testing/program';

const run = promisify(execFile);
const KIB = 1024;
/** Size of the file system, or of the largest file, in KiB. */
const ROOM_KIB = 2_048;

interface SmallDisk extends AsyncDisposable {
  readonly directory: string;
  /** Command prefix under which the program must run so that the limit applies. */
  readonly under: readonly string[];
}

/**
 * A small file system if this process may mount one (root). Otherwise the process limit on the size of a file, at which
 * writing fails as on a full disk.
 */
async function openSmallDisk(): Promise<SmallDisk> {
  const directory = await mkdtemp(join(tmpdir(), 'test-full-disk-'));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${ROOM_KIB}k`, 'tmpfs', directory]).then(
    () => true,
    () => false,
  );
  if (mounted) {
    const unmount = async (): Promise<void> => {
      await run('umount', ['--lazy', directory]);
      await remove();
    };
    return { directory, under: [], [Symbol.asyncDispose]: unmount };
  }
  const blocks = ROOM_KIB * 2;
  const limit = ['/bin/sh', '-c', `trap "" XFSZ; ulimit -f ${blocks}; exec "$0" "$@"`];
  return { directory, under: limit, [Symbol.asyncDispose]: remove };
}

async function files(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

test('disk full: the job fails cleanly, nothing partial is visible, space is freed', async () => {
  await using disk = await openSmallDisk();
  await using origin = await startOriginServer();
  const mirror = await embeddedConfig({
    origins: [origin.baseUrl],
    directory: disk.directory,
    overrides: {
      entries: { copyingLeaseSeconds: 2, errorSeconds: { first: 1, longest: 1 } },
      queue: { visibilityTimeoutSeconds: 2, maxReceiveCount: 2 },
    },
  });
  await using program = await startProgram(STANDALONE, { config: mirror.config, under: disk.under });
  const at = (path: string): string => program.url(redirectPath('local', 'here', origin.url(path)));

  const tooLarge = `/bytes/${2 * ROOM_KIB * KIB}?seed=1`;
  const answer = await fetchOnWire(at(tooLarge), { headers: { prefer: 'wait=5' } });
  expect(answer.headers['location']).toBe(origin.url(tooLarge));
  await eventually(() => program.logs.some((line) => line['outcome'] === 'dead_letter'));
  expect(JSON.stringify(program.logs)).toContain('store_full');
  expect((await files(disk.directory)).filter((name) => !name.startsWith('.'))).toEqual([]);

  const small = `/bytes/${1_000 * KIB}?seed=2`;
  const { artifact, location } = await fetchThrough(at(small));
  expect(location).toContain('/v1/objects/');
  expect(artifact.bytes.equals(origin.bodyOf(small).bytes())).toBe(true);
});
