import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import type { Program } from '@cloud-mirror/testing/program';
import { fresh, FaultRig } from './support/fault-rig.ts';
import { reportFailures } from './support/report-failures.ts';
import { QueueMessages } from './support/queue-messages.ts';

let rig: FaultRig;
let frontend: Program;
let copier: Program;
let seed = 0;

reportFailures(() => rig);
beforeAll(async () => {
  rig = await FaultRig.start({
    overrides: { queue: { maxReceiveCount: 3 }, sources: { timeouts: { totalSeconds: 6 } } },
  });
  [frontend, copier] = await Promise.all([rig.startFrontend(), rig.startCopier()]);
});
afterAll(() => rig?.[Symbol.asyncDispose]());

const MIB = 1024 ** 2;
/** Large enough for several upload parts, so that an upload is open when the fault occurs. */
const LARGE = 12 * MIB;

describe('an origin that sends only part of its object', () => {
  test.each([
    ['cut short', `/cut/${LARGE}?at=${11 * MIB}&times=1&ranges=none`],
    ['cut short, without a Content-Length', `/cut-stream/${LARGE}?at=${11 * MIB}&times=1&ranges=none`],
    ['reset', `/reset/${LARGE}?at=${11 * MIB}&times=1&ranges=none`],
    ['stalled', `/stall/${LARGE}?at=${11 * MIB}&times=1&ranges=none`],
  ])(
    'a body that is %s is not stored, its upload is aborted, and the job is retried',
    async (_fault, template) => {
      const path = fresh(template);
      const expected = rig.origin.bodyOf(path).bytes();
      const first = rig.ask(frontend, path, { headers: { prefer: 'wait=0' } });
      expect((await first).headers['location']).toBe(rig.originUrl(path));
      await eventually(() => rig.outcomes(copier, path, 'will_retry') > 0);
      expect((await rig.copyOf(frontend, path)).equals(expected)).toBe(true);
      expect(rig.origin.count('GET', path)).toBeGreaterThan(1);
      expect(await rig.copies(path)).toBe(1);
      expect(rig.protocols.openUploads).toEqual([]);
    },
  );

  test('a body that is always cut short is never stored, and its job becomes a dead letter', async () => {
    const path = fresh(`/cut/${LARGE}?at=${11 * MIB}&ranges=none`);
    await rig.ask(frontend, path, { headers: { prefer: 'wait=0' } });
    await eventually(() => rig.outcomes(copier, path, 'dead_letter') === 1);
    expect(await rig.copies(path)).toBe(0);
    expect(rig.protocols.openUploads).toEqual([]);
    const [letter] = await new QueueMessages(rig.protocols, `${rig.queue()}_dead`).peek();
    expect(letter).toContain(rig.originUrl('/cut/'));
    expect(await rig.entry(frontend, path)).toMatchObject({ state: 'error', willRetry: false });
    const answer = await rig.ask(frontend, path);
    expect(answer.headers['location']).toBe(rig.originUrl(path));
  });

  test('a copy below the minimum rate is aborted, and so is one that takes too long', async () => {
    const drip = fresh('/slow/2000000?bps=5000&ranges=none');
    const long = fresh('/slow/3000000?bps=60000&ranges=none');
    await Promise.all([drip, long].map((path) => rig.ask(frontend, path, { headers: { prefer: 'wait=0' } })));
    const retried = (path: string): Promise<Record<string, unknown>> =>
      eventually(async () => {
        const entry = await rig.entry(frontend, path);
        return entry?.['state'] === 'error' ? entry : null;
      });
    expect(await retried(drip)).toMatchObject({ code: 'origin_interrupted' });
    expect(await retried(long)).toMatchObject({ code: 'origin_interrupted' });
    expect(await rig.copies(drip)).toBe(0);
    expect(await rig.copies(long)).toBe(0);
  });

  test('a large body that breaks off after 90 % is resumed, not restarted', async () => {
    const path = fresh(`/cut/${LARGE}?at=${Math.floor(LARGE * 0.9)}&times=1`);
    const expected = rig.origin.bodyOf(path).bytes();
    expect((await rig.copyOf(frontend, path)).equals(expected)).toBe(true);
    const [, rest, ...more] = rig.origin.requests.filter((one) => one.method === 'GET' && one.path === path);
    expect(rest?.headers).toMatchObject({
      range: `bytes=${Math.floor(LARGE * 0.9)}-`,
      'if-range': expect.stringMatching(/^"/) as string,
    });
    expect(more).toEqual([]);
    await eventually(() => rig.outcomes(copier, path, 'copied') === 1);
    expect(rig.outcomes(copier, path, 'will_retry')).toBe(0);
  });

  test('a body whose object changed meanwhile is restarted', async () => {
    const name = `artifact-${++seed}`;
    const path = `/mutable/${name}`;
    rig.origin.set(name, Buffer.alloc(LARGE, 'old'));
    using hold = rig.origin.hold(path, { afterBytes: 11 * MIB });
    await rig.ask(frontend, path, { headers: { prefer: 'wait=0' } });
    await hold.arrived;
    rig.origin.set(name, Buffer.alloc(LARGE, 'new'));
    rig.originLink.drop('reset');
    hold.release();
    expect((await rig.copyOf(frontend, path)).equals(Buffer.alloc(LARGE, 'new'))).toBe(true);
    const conditions = rig.origin.requests
      .filter((one) => one.method === 'GET' && one.path === path)
      .map((one) => one.headers['if-range'] ?? null);
    expect(conditions.filter((condition) => condition !== null).length).toBeGreaterThan(0);
    expect(conditions.at(-1)).toBeNull();
    expect(rig.protocols.openUploads).toEqual([]);
  });
});

describe('an origin whose GET differs from its HEAD', () => {
  test('a 503 after a 200 is retried', async () => {
    const path = fresh('/flaky/5000?failures=1&status=503');
    expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
    await eventually(() => rig.outcomes(copier, path, 'copied') === 1);
  });

  test.each([
    ['a 206 without a Range request', '/get-206'],
    ['an error page of another length with status 200', '/get-html'],
    ['a longer body', '/longer/5000?get=6000'],
    ['a shorter body', '/shorter/5000?get=4000'],
  ])('%s is not stored', async (_what, template) => {
    const path = fresh(template);
    const answer = await rig.ask(frontend, path, { headers: { prefer: 'wait=2' } });
    if (answer.status === 302) expect(answer.headers['location']).toBe(rig.originUrl(path));
    await eventually(
      () => rig.outcomes(copier, path, 'will_retry') + rig.outcomes(copier, path, 'failed') > 0,
    );
    expect(await rig.copies(path)).toBe(0);
    expect(await rig.entry(frontend, path)).not.toMatchObject({ state: 'present' });
  });

  test('a body of another length is stored if a digest proves it', async () => {
    const path = fresh('/longer/5000?get=6000&sha256=good');
    expect((await rig.copyOf(frontend, path)).length).toBe(6000);
  });
});

describe('an origin that refuses', () => {
  test.each([404, 500, 204, 300])('only HEAD, with %i: the object is mirrored', async (status) => {
    const path = fresh(`/answers/5000?head=${status}`);
    expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
  });

  test('GET with a Retry-After, after a good HEAD, is not asked again, and clients get the delay', async () => {
    const path = fresh(`/answers/5000?get=503&header=${encodeURIComponent('Retry-After: 1000')}`);
    const first = await rig.ask(frontend, path);
    expect(first.status).toBe(503);
    const seconds = Number(first.headers['retry-after']);
    expect(seconds).toBeGreaterThan(900);
    expect(seconds).toBeLessThanOrEqual(1000);
    const asked = rig.origin.count(null, path);
    const again = await rig.ask(frontend, path, { headers: { 'cache-control': 'no-cache' } });
    expect(again.status).toBe(503);
    expect(rig.origin.count(null, path)).toBe(asked);
    const entry = await rig.entry(frontend, path);
    expect(entry).toMatchObject({ state: 'error', originStatus: 503, originRetryAfterSeconds: 1000 });
  });
});
