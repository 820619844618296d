import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fetchOnWire, fetchThrough } from '@cloud-mirror/testing/fetch';
import { redirectPath } from '@cloud-mirror/testing/mirror';
import { ADMIN_TOKEN, embeddedConfig } from '@cloud-mirror/testing/mirror-config';
import { startOriginServer } from '@cloud-mirror/testing/origin-server';
import { STANDALONE, startProgram } from '@cloud-mirror/testing/program';

/** More than libuv's threads. */
const HANGING = 5;

test('disk that hangs: other back ends, the log and SIGTERM work', async () => {
  await using opened = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'test-hung-disk-'));
  opened.defer(() => rm(directory, { recursive: true, force: true }));
  const origin = opened.use(await startOriginServer());
  const { config } = await embeddedConfig({
    origins: [origin.baseUrl],
    directory,
    overrides: {
      server: { maxWaitSeconds: 2, drainSeconds: 4 },
      services: { local: { regions: { here: {}, there: {} } } },
      copier: { graceSeconds: 2 },
    },
  });
  const program = opened.use(
    await startProgram(STANDALONE, { config, env: { UV_THREADPOOL_SIZE: undefined } }),
  );
  const at = (region: string, path: string): string =>
    program.url(redirectPath('local', region, origin.url(path)));
  const paths = Array.from({ length: HANGING }, (_, index) => `/bytes/100?seed=${index}`);
  for (const path of paths) {
    const { location } = await fetchThrough(at('here', path));
    expect(location).toContain('/v1/objects/local/here/');
    const purged = await fetchOnWire(at('here', path).replace('/v1/redirect/', '/v1/purge/'), {
      method: 'DELETE',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect(purged.status).toBe(204);
  }

  // Copies that follow a purge are the first whose keys begin with `g/`, which the store records in this file. A FIFO
  // without a reader blocks the thread that opens it to write.
  const prefixes = join(directory, 'here', 'prefixes');
  expect((await stat(prefixes)).isDirectory()).toBe(true);
  execFileSync('mkfifo', [join(prefixes, 'g')]);
  for (const path of paths) {
    const answer = await fetchOnWire(at('here', path));
    expect(answer.headers['location']).toBe(origin.url(path));
  }

  const { location } = await fetchThrough(at('there', '/bytes/200'));
  expect(location).toContain('/v1/objects/local/there/');
  expect((await fetchOnWire(program.url('/livez'))).status).toBe(200);
  await program.log((line) => line['route'] === 'livez');
  const exit = await program.stop();
  expect(exit).toEqual({ code: 0, signal: null });
  expect(program.logs.at(-1)).toMatchObject({ msg: 'stopped' });
});
