import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '@cloud-mirror/testing/eventually';
import type { Program } from '@cloud-mirror/testing/program';
import { fresh, FaultRig } from './support/fault-rig.ts';
import { reportFailures } from './support/report-failures.ts';
import { QueueMessages } from './support/queue-messages.ts';

let rig: FaultRig;
let frontend: Program;
let jobs: QueueMessages;
let deadLetters: QueueMessages;
let seed = 0;

const NOT_WAITING = { headers: { prefer: 'wait=0' } };

reportFailures(() => rig);
beforeAll(async () => {
  rig = await FaultRig.start({ overrides: { queue: { maxReceiveCount: 3 } } });
  frontend = await rig.startFrontend();
  jobs = new QueueMessages(rig.protocols, rig.queue());
  deadLetters = new QueueMessages(rig.protocols, `${rig.queue()}_dead`);
  await emptied();
});
afterAll(() => rig?.[Symbol.asyncDispose]());

/** Requests a copy while no worker runs. @returns the job in the queue */
async function jobFor(path: string): Promise<string> {
  await rig.ask(frontend, path, NOT_WAITING);
  return eventually(async () => (await jobs.peek()).find((body) => body.includes(rig.originUrl(path))));
}

const emptied = (): Promise<boolean> => eventually(async () => (await jobs.count()) === 0);

describe('a job delivered twice, late, or out of order', () => {
  test('makes at most one identical copy and is acknowledged', async () => {
    const [one, two] = [fresh('/bytes/2000'), fresh('/bytes/3000')];
    const first = await jobFor(one);
    const second = await jobFor(two);
    for (const body of [second, first, first, second, first]) await jobs.send(body);
    await using _worker = await rig.startCopier();
    expect((await rig.copyOf(frontend, one)).equals(rig.origin.bodyOf(one).bytes())).toBe(true);
    expect((await rig.copyOf(frontend, two)).equals(rig.origin.bodyOf(two).bytes())).toBe(true);
    await emptied();
    expect(rig.origin.count('GET', one)).toBe(1);
    expect(rig.origin.count('GET', two)).toBe(1);
    expect(await rig.copies(one)).toBe(1);
    await jobs.send(first);
    await emptied();
    expect(rig.origin.count('GET', one)).toBe(1);
  });

  test('after a purge it copies the current bytes of the origin', async () => {
    const name = `artifact-${++seed}`;
    const path = `/mutable/${name}`;
    rig.origin.set(name, Buffer.from('old'));
    const job = await jobFor(path);
    await using _worker = await rig.startCopier();
    expect((await rig.copyOf(frontend, path)).toString()).toBe('old');
    rig.origin.set(name, Buffer.from('new'));
    expect((await rig.operate(frontend, 'purge', path)).status).toBe(204);
    await jobs.send(job);
    await emptied();
    expect((await rig.copyOf(frontend, path)).toString()).toBe('new');
    expect((await rig.keys()).filter((key) => key.endsWith(rig.originUrl(path)))).toHaveLength(1);
  });
});

describe('a queue that is down', () => {
  test('while a job is sent: the claim is released, the client gets the origin, a later request tries again', async () => {
    await using _worker = await rig.startCopier();
    const path = fresh('/bytes/4000');
    await rig.frontendLinks.queue.set({ kind: 'refuse' });
    const answer = await rig.ask(frontend, path);
    expect(answer.headers['location']).toBe(rig.originUrl(path));
    expect(answer.headers['cache-status']).toBe('cloud-mirror; fwd=miss; detail=queue_unavailable');
    expect(await rig.entry(frontend, path)).toBeNull();
    await rig.frontendLinks.queue.set({ kind: 'pass' });
    expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
  });

  test('while a job is sent, hanging: the client gets its answer within its wait', async () => {
    const path = fresh('/bytes/4000');
    await rig.frontendLinks.queue.set({ kind: 'blackhole' });
    const begun = performance.now();
    const answer = await rig.ask(frontend, path, { headers: { prefer: 'wait=2' } });
    expect(answer.headers['location']).toBe(rig.originUrl(path));
    expect(performance.now() - begun).toBeLessThan(3_000);
    rig.frontendLinks.queue.drop('reset');
    await rig.frontendLinks.queue.set({ kind: 'pass' });
    await using _worker = await rig.startCopier();
    expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
  });

  test('for workers: they wait with back-off and resume', async () => {
    await using worker = await rig.startCopier();
    await rig.copierLinks.queue.set({ kind: 'refuse' });
    await worker.log((line) => line['msg'] === 'a part did not answer');
    const path = fresh('/bytes/5000');
    await rig.ask(frontend, path, NOT_WAITING);
    await rig.copierLinks.queue.set({ kind: 'pass' });
    expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
    await worker.log((line) => line['msg'] === 'the queue answers again');
  });

  test('for a worker during a copy, beyond the visibility timeout: another worker makes the copy, once', async () => {
    const path = fresh(`/bytes/${6 * 1024 ** 2}`);
    await using worker = await rig.startCopier();
    using hold = rig.origin.hold(path, { afterBytes: 1_000_000 });
    await rig.ask(frontend, path, NOT_WAITING);
    await hold.arrived;
    await rig.copierLinks.queue.set({ kind: 'blackhole' });
    await worker.log((line) => line['outcome'] === 'given_back');
    hold.release();
    await rig.copierLinks.queue.set({ kind: 'pass' });
    expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
    expect(await rig.copies(path)).toBe(1);
    expect(rig.protocols.openUploads).toEqual([]);
    await emptied();
  });

  test('and was deleted is created again, and its jobs are sent again', async () => {
    await jobs.delete();
    await using _worker = await rig.startCopier();
    const path = fresh('/bytes/6000');
    expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
    await emptied();
  });
});

describe('a queue with the maximum of jobs in flight (120,000)', () => {
  test.each([
    ['refuses', { status: 403, body: '{"__type":"com.amazonaws.sqs#OverLimit","message":"too many"}' }],
    ['returns an empty answer at once', { status: 200, body: '{}' }],
  ])('%s: workers poll at intervals, and resume when it has room', async (_how, answer) => {
    const path = fresh('/bytes/6500');
    rig.protocols.answerNext('ReceiveMessage', answer, 10_000);
    await using _worker = await rig.startCopier();
    await rig.ask(frontend, path, NOT_WAITING);
    const before = rig.protocols.count('ReceiveMessage');
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(rig.protocols.count('ReceiveMessage') - before).toBeLessThan(10);
    rig.protocols.answerAsBefore();
    expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
    await emptied();
  });
});

describe('a poison job', () => {
  test('becomes a dead letter after its deliveries, its entry an error; other jobs are unaffected', async () => {
    const poison = fresh('/flaky/5000?failures=99&status=500');
    await rig.ask(frontend, poison, NOT_WAITING);
    await jobs.send('not a job');
    await using _worker = await rig.startCopier();
    const good = fresh('/bytes/7000');
    expect((await rig.copyOf(frontend, good)).equals(rig.origin.bodyOf(good).bytes())).toBe(true);
    await eventually(async () => {
      const letters = await deadLetters.peek();
      return letters.includes('not a job') && letters.some((body) => body.includes(rig.originUrl(poison)));
    });
    // A delivery to the long poll of a dead worker counts as well.
    expect(rig.origin.count('GET', poison)).toBeGreaterThan(0);
    expect(rig.origin.count('GET', poison)).toBeLessThanOrEqual(3);
    expect(await rig.entry(frontend, poison)).toMatchObject({ state: 'error', originStatus: 500 });
    // The dead letter is sent before the job is acknowledged. A worker killed in between leaves the job hidden for a minute.
    await emptied();
  });

  test('also becomes a dead letter if it kills its worker each time, and its object can be requested again', async () => {
    const path = fresh(`/bytes/${6 * 1024 ** 2}`);
    using hold = rig.origin.hold(path, { afterBytes: 1_000_000 });
    await rig.ask(frontend, path, NOT_WAITING);
    const gaveUp = async (): Promise<boolean> =>
      (await deadLetters.peek()).some((body) => body.includes(rig.originUrl(path)));
    for (let time = 1; !(await gaveUp()); time += 1) {
      expect(time).toBeLessThanOrEqual(4);
      const before = rig.origin.count('GET', path);
      await using worker = await rig.startCopier();
      await eventually(async () => rig.origin.count('GET', path) > before || (await gaveUp()));
      await worker.kill();
    }
    await using _worker = await rig.startCopier();
    hold.release();
    expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
    await emptied();
  });
});

describe('a backlog longer than a lease on a hot object', () => {
  test('no job is duplicated or dropped while it waits: there is one copy in the end', async () => {
    const [slow, hot] = [fresh('/bytes/8000'), fresh('/bytes/9000')];
    using hold = rig.origin.hold(slow);
    await using _worker = await rig.startCopier({
      overrides: {
        copier: { concurrency: 1 },
        sources: { timeouts: { firstByteSeconds: 60, totalSeconds: 60 } },
      },
    });
    await rig.ask(frontend, slow, NOT_WAITING);
    await hold.arrived;
    const sent = rig.protocols.count('SendMessage');
    // For three copying leases.
    const until = performance.now() + 6_000;
    while (performance.now() < until) {
      const answer = await timely(rig.ask(frontend, hot, NOT_WAITING));
      expect(answer.headers['location']).toBe(rig.originUrl(hot));
    }
    expect(rig.protocols.count('SendMessage') - sent).toBe(1);
    hold.release();
    expect((await rig.copyOf(frontend, hot)).equals(rig.origin.bodyOf(hot).bytes())).toBe(true);
    expect(rig.origin.count('GET', hot)).toBe(1);
    await emptied();
  });

  test('a job that was never sent because its front end was killed after the claim is soon sent by another', async () => {
    const killed = await rig.startFrontend({ overrides: { server: { port: 0 } } });
    const path = fresh('/bytes/9400');
    using sending = rig.protocols.holdNext('HeadObject');
    const lost = rig.ask(killed, path).catch(() => 'no answer');
    await sending.arrived;
    expect(await rig.entry(frontend, path)).toMatchObject({ state: 'pending', phase: 'queued' });
    await killed.kill();
    expect(await lost).toBe('no answer');
    sending.release();
    await using _worker = await rig.startCopier();
    expect((await rig.copyOf(frontend, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
  });

  test('a job that was lost or became too old is sent again after its lease', async () => {
    const lease = { entries: { queuedLeaseSeconds: 3 } };
    const hasty = await rig.startFrontend({ overrides: { ...lease, server: { port: 0 } } });
    const path = fresh('/bytes/9500');
    await rig.ask(hasty, path, NOT_WAITING);
    await eventually(async () => (await jobs.count()) === 1);
    await jobs.delete();
    await using _worker = await rig.startCopier();
    expect((await rig.copyOf(hasty, path)).equals(rig.origin.bodyOf(path).bytes())).toBe(true);
  });
});

/** Sequential requests, ten a second. */
async function timely<T>(answer: Promise<T>): Promise<T> {
  const [value] = await Promise.all([answer, new Promise((resolve) => setTimeout(resolve, 100))]);
  return value;
}
