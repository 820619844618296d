import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire, fetchThrough } from '@cloud-mirror/testing/fetch';
import type { Program } from '@cloud-mirror/testing/program';
import { COPIER_KEY, FaultRig, OPERATOR } from './support/fault-rig.ts';
import { reportFailures } from './support/report-failures.ts';

let rig: FaultRig;
let frontend: Program;
let other: Program;
let copier: Program;
let object = 0;
let path = '';
/** Number of the worker's log lines when the test began. */
let before = 0;

const NOT_WAITING = { headers: { prefer: 'wait=0' } };
const ELSEWHERE = { overrides: { server: { port: 0 } } };

reportFailures(() => rig);

beforeAll(async () => {
  rig = await FaultRig.start();
  [frontend, other, copier] = await Promise.all([
    rig.startFrontend(),
    rig.startFrontend(ELSEWHERE),
    rig.startCopier({ env: { AWS_ACCESS_KEY_ID: COPIER_KEY } }),
  ]);
});
afterAll(() => rig?.[Symbol.asyncDispose]());
beforeEach(() => {
  before = copier.logs.length;
  path = `/mutable/artifact-${++object}`;
  publish('old');
});

function publish(content: string): void {
  rig.origin.set(`artifact-${object}`, Buffer.alloc(200_000, `${content} `));
}

/** The first word of the copy, as soon as there is one. */
async function contentOf(from = frontend): Promise<string> {
  const [word = ''] = (await rig.copyOf(from, path)).subarray(0, 10).toString().split(' ');
  return word;
}

const purge = async (by = frontend): Promise<number> => (await rig.operate(by, 'purge', path)).status;

const flush = (): Promise<unknown> =>
  fetchOnWire(frontend.url('/v1/cache'), { method: 'DELETE', headers: OPERATOR });

/**
 * Every client gets the version that was published last, despite late calls and lost entries. The front end that did not
 * purge is asked first, because it knows the least. After a flush both are asked again.
 */
async function isNowEverywhere(content: string, purgedBy = frontend): Promise<void> {
  const asked = purgedBy === frontend ? [other, frontend] : [frontend, other];
  for (const from of asked) expect(await contentOf(from)).toBe(content);
  await flush();
  for (const from of asked) expect(await contentOf(from)).toBe(content);
  const { artifact } = await fetchThrough(rig.redirectUrl(other, path));
  expect(artifact.status).toBe(200);
}

describe('late calls after a purge has returned', () => {
  test("no client is redirected to a worker's PUT that the store executes afterwards", async () => {
    using put = rig.protocols.holdNext('PutObject', { accessKeyId: COPIER_KEY });
    await rig.ask(frontend, path, NOT_WAITING);
    await put.arrived;
    publish('new');
    expect(await purge()).toBe(204);
    put.release();
    await eventually(() => copier.logs.slice(before).some((line) => 'outcome' in line));
    await isNowEverywhere('new');
  });

  test("the commit after a worker's PUT whose answer is late is refused", async () => {
    using put = rig.protocols.holdNext('PutObject', { accessKeyId: COPIER_KEY, when: 'after' });
    await rig.ask(frontend, path, NOT_WAITING);
    await put.arrived;
    // A running worker would notice that its entry is gone, and stop.
    copier.signal('SIGSTOP');
    put.release();
    publish('new');
    expect(await purge()).toBe(204);
    copier.signal('SIGCONT');
    await eventually(() => copier.logs.slice(before).some((line) => 'outcome' in line));
    await isNowEverywhere('new');
  });

  test('a worker that finds its entry gone at the commit does not claim a purged object', async () => {
    using put = rig.protocols.holdNext('PutObject', { accessKeyId: COPIER_KEY, when: 'after' });
    await rig.ask(frontend, path, NOT_WAITING);
    await put.arrived;
    publish('new');
    const purging = purge();
    await eventually(async () => (await rig.entry(other, path)) === null, { intervalMs: 5 });
    put.release();
    expect(await purging).toBe(204);
    await isNowEverywhere('new');
  });

  test('a second claim with a marker that was read before the purge, but arrives late, does not commit', async () => {
    using hold = rig.origin.hold(path, { afterBytes: 100_000 });
    await rig.ask(frontend, path, NOT_WAITING);
    await hold.arrived;
    await flush();
    // The entry is gone, so the worker claims again and reads the marker.
    using marker = rig.protocols.holdNext('HeadObject', {
      accessKeyId: COPIER_KEY,
      path: '/purged/',
      when: 'after',
    });
    hold.release();
    await Promise.race([marker.arrived, eventually(() => rig.outcomes(copier, path, 'given_back') > 0)]);
    publish('new');
    expect(await purge()).toBe(204);
    marker.release();
    await isNowEverywhere('new');
  });

  test('a copy that a front end found before the purge is not committed if the answer arrives late', async () => {
    expect(await contentOf()).toBe('old');
    await flush();
    using head = rig.protocols.holdNext('HeadObject', { path: `artifact-${object}`, when: 'after' });
    const early = rig.ask(frontend, path);
    await head.arrived;
    publish('new');
    expect(await purge(other)).toBe(204);
    head.release();
    await early;
    await isNowEverywhere('new', other);
  });

  test('a late DELETE of another, failed purge removes no served copy', async () => {
    expect(await contentOf()).toBe('old');
    using late = rig.protocols.holdNext('DeleteObject');
    const failed = purge(other);
    await late.arrived;
    expect(await failed).toBe(503);
    publish('new');
    expect(await purge()).toBe(204);
    expect(await contentOf()).toBe('new');
    late.release();
    await isNowEverywhere('new');
  });

  test('a late marker of another, failed purge brings no copy back', async () => {
    expect(await contentOf()).toBe('old');
    using late = rig.protocols.holdNext('PutObject', { path: '/purged/' });
    const failed = purge(other);
    await late.arrived;
    expect(await failed).toBe(503);
    publish('new');
    expect(await purge()).toBe(204);
    expect(await contentOf()).toBe('new');
    late.release();
    await isNowEverywhere('new');
  });
});

describe('purges at the same time', () => {
  test('by two front ends, while clients ask: clients get the version published before the purges', async () => {
    expect(await contentOf()).toBe('old');
    for (let round = 1; round <= 5; round += 1) {
      publish(`round-${round}`);
      const asking = [frontend, other, frontend, other].map((by) => rig.ask(by, path));
      const answers = await Promise.all([purge(frontend), purge(other), purge(frontend)]);
      expect(answers).toEqual([204, 204, 204]);
      expect(await contentOf(round % 2 === 0 ? frontend : other)).toBe(`round-${round}`);
      await Promise.all(asking);
    }
    await isNowEverywhere('round-5');
  });
});

describe('a front end killed during its purge', () => {
  test.each([
    ['before its marker is written', 'PutObject', '/purged/'],
    ['before the objects are deleted', 'DeleteObject', ''],
  ])(
    '%s: the next purge repairs the state, and no redirect leads to a missing copy',
    async (_step, operation, part) => {
      expect(await contentOf()).toBe('old');
      await using purger = await rig.startFrontend(ELSEWHERE);
      using step = rig.protocols.holdNext(operation, { path: part });
      const lost = purge(purger).catch(() => 'no answer');
      await step.arrived;
      await purger.kill();
      expect(await lost).toBe('no answer');
      step.release();
      const { artifact } = await fetchThrough(rig.redirectUrl(frontend, path));
      expect(artifact.status).toBe(200);
      publish('new');
      expect(await purge()).toBe(204);
      await isNowEverywhere('new');
    },
  );

  test('frozen between marker and entry and resumed after another purge and copy: these survive', async () => {
    expect(await contentOf()).toBe('old');
    await using purger = await rig.startFrontend(ELSEWHERE);
    using step = rig.protocols.holdNext('PutObject', { path: '/purged/', when: 'after' });
    const late = purge(purger).catch(() => 0);
    await step.arrived;
    purger.signal('SIGSTOP');
    step.release();
    publish('new');
    expect(await purge()).toBe(204);
    expect(await contentOf()).toBe('new');
    purger.signal('SIGCONT');
    await late;
    await isNowEverywhere('new');
  });
});

describe('a worker frozen during purges, a flush and another copy', () => {
  test('no client is redirected to the copy that it then finishes', async () => {
    await using frozen = await onlyWorker();
    using hold = rig.origin.hold(path, { afterBytes: 100_000 });
    await rig.ask(frontend, path, NOT_WAITING);
    await hold.arrived;
    frozen.signal('SIGSTOP');
    hold.release();
    copier.signal('SIGCONT');
    publish('newer');
    expect(await purge()).toBe(204);
    expect(await contentOf()).toBe('newer');
    await flush();
    publish('newest');
    expect(await purge(other)).toBe(204);
    frozen.signal('SIGCONT');
    await eventually(() => frozen.logs.some((line) => 'outcome' in line));
    await isNowEverywhere('newest', other);
  });

  /** A worker that gets the next job while the rig's worker is frozen. */
  async function onlyWorker(): Promise<Program> {
    copier.signal('SIGSTOP');
    return rig.startCopier();
  }
});
