import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseConfig } from '@cloud-mirror/mirror';
import { createLogger } from '@cloud-mirror/program';
import { QueueError } from '@cloud-mirror/job-queue';
import { Registry } from 'prom-client';
import { Copier } from '../src/index.ts';
import { openCopier, type CopierFixture } from './copier-fixture.ts';

const QUEUE = { part: 'queue here' };
const RECEIVE = { ...QUEUE, method: 'receive' };
const ACKNOWLEDGE = { ...QUEUE, method: 'acknowledge' };
const SLOW = '/bytes/100000';

let fixture: CopierFixture;
let registry: Registry;
let lines: string[];
const started: Copier[] = [];
beforeEach(async () => {
  fixture = await openCopier();
  registry = new Registry();
  lines = [];
});
afterEach(async () => {
  for (const copier of started.splice(0)) await copier.drain();
  await fixture[Symbol.asyncDispose]();
});

function startCopier(settings: Record<string, unknown> = {}): Copier {
  const text = JSON.stringify({
    server: { publicUrl: 'http://mirror.example' },
    sources: { allow: [{ prefix: 'https://origin.example/' }] },
    entries: { kind: 'memory' },
    queue: { kind: 'memory' },
    services: { local: { kind: 'filesystem', directory: '/nonexistent', regions: { here: {}, there: {} } } },
    copier: { graceSeconds: 60, ...settings },
  });
  const { backends, entries, origin } = fixture.parts;
  const closing = { [Symbol.asyncDispose]: () => Promise.resolve() };
  const destination = { write: (line: string) => void lines.push(line) };
  const copier = new Copier({
    config: parseConfig(text, {}),
    adapters: { backends, entries, origin: { ...origin, ...closing } },
    logger: createLogger({ level: 'info', program: 'copier', version: '0', destination }),
    registry,
  });
  started.push(copier);
  copier.start();
  return copier;
}

const outcomes = (): unknown[] =>
  lines.flatMap((line) => {
    const { outcome } = JSON.parse(line) as { outcome?: string };
    return outcome === undefined ? [] : [outcome];
  });

async function untilLogged(count: number): Promise<void> {
  while (outcomes().length < count) await new Promise(setImmediate);
}

describe('a defect of the program', () => {
  const defect = (): Error => new TypeError('x is not a function');
  const logged = (): Record<string, unknown>[] =>
    lines.map((line) => JSON.parse(line) as Record<string, unknown>);

  test.each([
    ['in the store', { part: 'store here', method: 'put' }],
    ['at the origin', { part: 'origin', method: 'open' }],
    ['in a commit', { part: 'entries', method: 'commit' }],
  ])('%s is reported as internal_error in the log and metrics', async (_where, call) => {
    using _defect = fixture.mirror.gate.fail(call, defect);
    startCopier();
    await fixture.sendClaimed(SLOW);
    await untilLogged(1);
    const metrics = await registry.metrics();
    expect(metrics).toMatch(/^cloud_mirror_copier_internal_errors_total [1-9]/m);
    expect(metrics).not.toContain('cloud_mirror_copier_part_failures_total{');
    expect(logged()).toContainEqual(
      expect.objectContaining({ level: 'error', outcome: 'internal_error' }) as unknown,
    );
    expect(logged().filter(({ part }) => part !== undefined)).toEqual([]);
  });

  test('that ends a copy is reported as internal_error in its entry and to waiting clients', async () => {
    using _defect = fixture.mirror.gate.fail({ part: 'store here', method: 'put' }, defect);
    startCopier();
    await fixture.sendClaimed(SLOW);
    await untilLogged(1);
    expect(await registry.metrics()).toContain(
      'cloud_mirror_copies_total{service="local",region="here",outcome="internal_error"} 1',
    );
    expect(await fixture.entry(SLOW)).toMatchObject({
      state: 'error',
      code: 'internal_error',
      cause: 'something went wrong in the mirror',
    });
    const waitMs = 1;
    expect(await fixture.mirror.redirect(SLOW, { waitMs })).toMatchObject({
      kind: 'origin',
      reason: 'internal_error',
      message: 'something went wrong in the mirror',
    });
  });

  test('in a receive is not reported as a failing queue', async () => {
    using _defect = fixture.mirror.gate.fail({ ...QUEUE, method: 'receive' }, defect);
    const copier = startCopier();
    await untilLogged(1);
    expect(outcomes()[0]).toBe('internal_error');
    expect(copier.health()).toEqual({ status: 'degraded', failing: ['worker local/here'] });
  });
});

describe('a copier', () => {
  test('runs the jobs of every back end that it serves', async () => {
    startCopier();
    await fixture.send('/bytes/1');
    await fixture.mirror.there.queue.enqueue({
      v: 1,
      service: 'local',
      region: 'there',
      url: fixture.mirror.origin.url('/bytes/2'),
      token: 'token',
      generation: '',
      requestId: 'request-1',
      enqueuedAt: new Date().toISOString(),
    });
    await fixture.mirror.gate.seen(ACKNOWLEDGE);
    await fixture.mirror.gate.seen({ part: 'queue there', method: 'acknowledge' });
    expect(await fixture.stored('/bytes/1')).toMatchObject({ sizeBytes: 1 });
    expect(await fixture.entry('/bytes/1')).toMatchObject({ state: 'present' });
  });

  test('does not receive the jobs of other back ends', async () => {
    startCopier({ serves: ['local/there'] });
    await fixture.send('/bytes/1');
    await fixture.mirror.gate.seen({ part: 'queue there', method: 'receive' });
    expect(fixture.mirror.gate.count(RECEIVE)).toBe(0);
    expect(await fixture.mirror.waitingJobs()).toBe(1);
  });

  test('is not blocked by one slow copy', async () => {
    using hold = fixture.mirror.origin.hold(SLOW, { afterBytes: 10 });
    startCopier();
    await fixture.send(SLOW);
    await hold.arrived;
    for (let size = 1; size <= 20; size++) await fixture.send(`/bytes/${size}`);
    await fixture.mirror.gate.seen(ACKNOWLEDGE, 20);
    expect(await fixture.stored(SLOW)).toBeNull();
    hold.release();
    await fixture.mirror.gate.seen(ACKNOWLEDGE, 21);
  });

  test('receives no more jobs than it may run at once, and leaves the others in the queue', async () => {
    const holds = [1, 2, 3, 4].map((seed) => fixture.mirror.origin.hold(`/bytes/10?seed=${seed}`));
    for (const seed of [1, 2, 3, 4]) await fixture.send(`/bytes/10?seed=${seed}`);
    startCopier({ concurrency: 2, serves: ['local/here'] });
    await Promise.all(holds.slice(0, 2).map(({ arrived }) => arrived));
    expect(await fixture.mirror.here.queue.depth()).toMatchObject({ waiting: 2, inFlight: 2 });
    expect(fixture.mirror.gate.count(RECEIVE)).toBe(1);
    for (const hold of holds) hold.release();
    await fixture.mirror.gate.seen(ACKNOWLEDGE, 4);
    for (const { options } of fixture.mirror.gate.of(RECEIVE))
      expect((options as { max: number }).max).toBeLessThanOrEqual(2);
  });

  test('recovers by itself from a queue that does not answer', async () => {
    const down = fixture.mirror.gate.fail(RECEIVE, () => new QueueError('queue_unavailable', 'down'));
    const copier = startCopier({ serves: ['local/here'] });
    await fixture.send('/bytes/1');
    await fixture.mirror.gate.seen(RECEIVE, 2);
    expect(copier.health()).toEqual({ status: 'degraded', failing: ['queue local/here'] });
    down[Symbol.dispose]();
    await fixture.mirror.gate.seen(ACKNOWLEDGE);
    expect(copier.health()).toEqual({ status: 'ok', failing: [] });
  });

  test('survives a poison message, and a delivery that cannot be settled', async () => {
    fixture.mirror.here.queue.garble = () => '{"v":1,"url":{}}';
    startCopier({ serves: ['local/here'] });
    await fixture.send('/bytes/1');
    await fixture.mirror.gate.seen({ ...QUEUE, method: 'deadLetter' });
    fixture.mirror.here.queue.garble = (body) => body;
    {
      using _lost = fixture.mirror.gate.fail(ACKNOWLEDGE, () => new QueueError('delivery_lost', 'late'));
      await fixture.send('/bytes/2');
      await fixture.mirror.gate.seen(ACKNOWLEDGE);
    }
    await fixture.send('/bytes/3');
    await untilLogged(2);
    expect(outcomes()).toEqual(['dead_letter', 'copied']);
  });

  test('counts and logs its jobs without the query of a URL', async () => {
    startCopier({ serves: ['local/here'] });
    await fixture.send('/bytes/100?seed=7&name=hidden');
    await fixture.send('/status/404?name=hidden');
    await fixture.send('/get-500?name=hidden');
    await fixture.mirror.gate.seen(ACKNOWLEDGE, 2);
    await fixture.mirror.gate.seen({ ...QUEUE, method: 'retry' });
    await untilLogged(3);
    const metrics = await registry.metrics();
    for (const outcome of ['copied', 'failed', 'will_retry'])
      expect(metrics).toContain(
        `cloud_mirror_copies_total{service="local",region="here",outcome="${outcome}"} 1`,
      );
    expect(metrics).toContain('cloud_mirror_copied_bytes_total{service="local",region="here"} 100');
    expect(metrics).toContain('cloud_mirror_copies_running 0');
    expect(metrics).not.toContain('hidden');
    expect(lines.join('')).not.toContain('hidden');
    expect(lines.join('')).toContain(`${new URL(fixture.mirror.origin.baseUrl).host}/bytes/100`);
  });
});

describe('a drain', () => {
  test('stops receiving and finishes the running jobs', async () => {
    using hold = fixture.mirror.origin.hold(SLOW, { afterBytes: 10 });
    const copier = startCopier();
    await fixture.send(SLOW);
    await hold.arrived;
    const drained = copier.drain();
    expect(copier.health()).toEqual({ status: 'draining', failing: [] });
    await fixture.send('/bytes/1');
    hold.release();
    await drained;
    expect(outcomes()).toEqual(['copied']);
    expect(await fixture.stored(SLOW)).not.toBeNull();
    expect(await fixture.mirror.here.queue.depth()).toEqual({ waiting: 1, inFlight: 0, deadLetters: 0 });
  });

  test('gives back unfinished jobs, with the lease released and nothing stored', async () => {
    using hold = fixture.mirror.origin.hold(SLOW, { afterBytes: 10 });
    const copier = startCopier({ graceSeconds: 0 });
    await fixture.send(SLOW);
    await hold.arrived;
    await copier.drain();
    expect(outcomes()).toEqual(['given_back']);
    expect(await fixture.mirror.here.queue.depth()).toEqual({ waiting: 1, inFlight: 0, deadLetters: 0 });
    expect(await fixture.entry(SLOW)).toBeNull();
    expect(await fixture.stored(SLOW)).toBeNull();
  });

  test('ends at once while the queue does not answer', async () => {
    using _down = fixture.mirror.gate.fail(RECEIVE, () => new QueueError('queue_unavailable', 'down'));
    const copier = startCopier();
    await fixture.mirror.gate.seen(RECEIVE);
    await copier.drain();
    expect(copier.health().status).toBe('draining');
  });
});
