import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire, fetchThrough } from '@cloud-mirror/testing/fetch';
import type { Program, StartOptions } from '@cloud-mirror/testing/program';
import { onPath } from '@cloud-mirror/testing/server-programs';
import { FaultRig, fresh } from '../support/fault-rig.ts';
import { reportFailures } from '../support/report-failures.ts';

let rig: FaultRig;
let ahead: Program;
let right: Program;
reportFailures(() => rig);

/**
 * A program whose clock is off by the given time. Only its date changes; intervals stay the same. It does not run under
 * the `faketime` command, which would intercept its signals.
 */
async function skewed(by: string): Promise<Pick<StartOptions, 'env'>> {
  const { stdout } = await promisify(execFile)('faketime', ['-f', by, 'env']);
  const preload = /^LD_PRELOAD=(.+)$/m.exec(stdout)?.[1];
  return { env: { LD_PRELOAD: preload, FAKETIME: by, FAKETIME_DONT_FAKE_MONOTONIC: '1' } };
}

beforeAll(async () => {
  if ((await onPath('faketime')) === null)
    throw new Error('faketime is not on the PATH. Install it (Debian, Ubuntu: apt-get install faketime).');
  rig = await FaultRig.start();
  [ahead, right] = await Promise.all([
    rig.startFrontend(await skewed('+2h')),
    rig.startFrontend({ overrides: { server: { port: 0 } } }),
  ]);
});
afterAll(() => rig?.[Symbol.asyncDispose]());

test('the programs see the shifted time', async () => {
  const { headers } = await fetchOnWire(ahead.url('/v1/ping'));
  const said = Date.parse(headers['date'] ?? '') || Date.parse(String(ahead.ready['time']));
  expect(said - Date.now()).toBeGreaterThan(3_600_000);
});

test.each([
  ['ahead', '+2h'],
  ['behind', '-2h'],
])('a worker whose clock is %s makes copies; clients find them; a purge removes them', async (_how, by) => {
  await using worker = await rig.startCopier(await skewed(by));
  const name = `artifact${by}`;
  rig.origin.set(name, Buffer.from('old'));
  expect((await rig.copyOf(ahead, `/mutable/${name}`)).toString()).toBe('old');
  expect((await rig.copyOf(right, `/mutable/${name}`)).toString()).toBe('old');
  await eventually(() => rig.outcomes(worker, `/mutable/${name}`, 'copied') === 1);
  rig.origin.set(name, Buffer.from('new'));
  expect((await rig.operate(ahead, 'purge', `/mutable/${name}`)).status).toBe(204);
  expect((await rig.copyOf(right, `/mutable/${name}`)).toString()).toBe('new');
  expect(rig.origin.count('GET', `/mutable/${name}`)).toBe(2);
});

test.each(['+30h', '-30h'])(
  'an object is copied once if both clocks are off by %s, and is a hit then',
  async (by) => {
    const overrides = { server: { port: 0 } };
    await using frontend = await rig.startFrontend({ ...(await skewed(by)), overrides });
    await using worker = await rig.startCopier(await skewed(by));
    const path = fresh('/bytes/1000');
    expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
    for (let time = 0; time < 3; time += 1) {
      const answer = await rig.ask(frontend, path);
      expect(answer.headers['cache-status']).toContain('; hit');
    }
    await eventually(() => rig.outcomes(worker, path, 'copied') === 1);
    expect(rig.origin.count('GET', path)).toBe(1);
    const readiness = (await fetchOnWire(frontend.url('/readyz'))).json() as { failing: string[] };
    expect(readiness.failing).toContainEqual(expect.stringMatching(/^clock s3\//));
  },
);

test('another worker replaces a killed one within its lease, whatever the clocks say', async () => {
  const path = fresh('/bytes/200000');
  await using killed = await rig.startCopier(await skewed('+2h'));
  using hold = rig.origin.hold(path, { afterBytes: 100_000 });
  await rig.ask(ahead, path, { headers: { prefer: 'wait=0' } });
  await hold.arrived;
  await killed.kill();
  hold.release();
  await using _other = await rig.startCopier(await skewed('-2h'));
  expect((await rig.copyOf(ahead, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
  expect((await fetchThrough(rig.redirectUrl(right, path))).artifact.status).toBe(200);
});
