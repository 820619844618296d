import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import { fetchOnWire, fetchThrough } from '@cloud-mirror/testing/fetch';
import type { Program } from '@cloud-mirror/testing/program';
import { FaultRig, OPERATOR } from './support/fault-rig.ts';
import { reportFailures } from './support/report-failures.ts';

let rig: FaultRig;
let frontend: Program;
let other: Program;
let copier: Program;
let object = 0;
let path = '';
/** Lines that the worker had printed when the test began. */
let before = 0;

const NOT_WAITING = { headers: { prefer: 'wait=0' } };
const COPIER_KEY = 'a-copier';
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

/** First word of the copy, once there is one. */
async function contentOf(from = frontend): Promise<string> {
  const [word = ''] = (await rig.copyOf(from, path)).subarray(0, 10).toString().split(' ');
  return word;
}

const purge = async (by = frontend): Promise<number> => (await rig.operate(by, 'purge', path)).status;

const flush = (): Promise<unknown> =>
  fetchOnWire(frontend.url('/v1/cache'), { method: 'DELETE', headers: OPERATOR });

/**
 * What was published last is what everybody gets, whatever comes late and whatever is forgotten. The front end that did not
 * purge is asked first: it has heard of nothing, and what it does may mend what the other one would have seen.
 */
async function isNowEverywhere(content: string, purgedBy = frontend): Promise<void> {
  const asked = purgedBy === frontend ? [other, frontend] : [frontend, other];
  for (const from of asked) expect(await contentOf(from)).toBe(content);
  await flush();
  for (const from of asked) expect(await contentOf(from)).toBe(content);
  const { artifact } = await fetchThrough(rig.redirectUrl(other, path));
  expect(artifact.status).toBe(200);
}

describe('a purge that has returned, and what comes late', () => {
  test("a worker's PUT that the store does afterwards is never redirected to", async () => {
    using put = rig.protocols.holdNext('PutObject', { accessKeyId: COPIER_KEY });
    await rig.ask(frontend, path, NOT_WAITING);
    await put.arrived;
    publish('new');
    expect(await purge()).toBe(204);
    put.release();
    await eventually(() => copier.logs.slice(before).some((line) => 'outcome' in line));
    await isNowEverywhere('new');
  });

  test("a worker's PUT that was done, its answer read late: the commit is refused", async () => {
    using put = rig.protocols.holdNext('PutObject', { accessKeyId: COPIER_KEY, when: 'after' });
    await rig.ask(frontend, path, NOT_WAITING);
    await put.arrived;
    // Awake it would notice that its entry is gone, and give up.
    copier.signal('SIGSTOP');
    put.release();
    publish('new');
    expect(await purge()).toBe(204);
    copier.signal('SIGCONT');
    await eventually(() => copier.logs.slice(before).some((line) => 'outcome' in line));
    await isNowEverywhere('new');
  });

  test('a worker that comes to commit while the entry has just gone does not claim what was purged', async () => {
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

  test('a marker that a worker read before the purge, told late: its second claim does not commit', async () => {
    using hold = rig.origin.hold(path, { afterBytes: 100_000 });
    await rig.ask(frontend, path, NOT_WAITING);
    await hold.arrived;
    await flush();
    // The entry is gone: the worker claims again, and reads the marker.
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

  test('a copy that a front end found before the purge, told late, is not committed', async () => {
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

  test('the DELETE of another purge that failed removes nothing that is served', async () => {
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

  test('the marker of another purge that failed brings nothing back', async () => {
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
  test('by two front ends, while everybody asks: what was published before them is what comes of it', async () => {
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

describe('a purger killed in the middle', () => {
  test.each([
    ['before its marker is written', 'PutObject', '/purged/'],
    ['before the objects are deleted', 'DeleteObject', ''],
  ])(
    '%s: what it left is mended by the next purge, and nothing leads to nowhere',
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

  test('frozen between marker and entry, woken after another purge and copy: they stay', async () => {
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

describe('a worker frozen through it all', () => {
  test('purge, flush, another copy, another purge: what it holds is never redirected to', async () => {
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

  /** A worker that gets the next job, because the rig's own is frozen meanwhile. */
  async function onlyWorker(): Promise<Program> {
    copier.signal('SIGSTOP');
    return rig.startCopier();
  }
});
