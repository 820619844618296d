import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseJob, type Job } from '@cloud-mirror/mirrored-objects';
import { QueueError } from '@cloud-mirror/job-queue';
import type { Hold } from '@cloud-mirror/testing/origin-server';
import { CopySlots } from '../src/copy-slots.ts';
import type { CopyTurn } from '../src/copy-turn.ts';
import { MAX_RECEIVE_COUNT, openCopier, type CopierFixture } from './copier-fixture.ts';

const PATH = '/bytes/100000';
const HERE = 'local/here';
const NEVER = new AbortController().signal;
const ENQUEUE = { part: 'queue here', method: 'enqueue' };

let slots: CopySlots;
/** The turns of jobs, in order. */
let turns: CopyTurn[];
let copier: CopierFixture;
beforeEach(async () => {
  slots = new CopySlots({ total: 1, hostShare: 1 });
  turns = [];
  copier = await openCopier({
    slots: {
      turn: async (request, signal) => {
        const turn = await slots.turn(request, signal);
        if (typeof turn !== 'string') turns.push(turn);
        return turn;
      },
    },
  });
});
afterEach(() => copier[Symbol.asyncDispose]());

/** The job of the next message, which is sent back. */
async function nextJob(): Promise<{ job: Job; receiveCount: number }> {
  const delivery = await copier.receive();
  const parsed = parseJob(delivery.body);
  if (!parsed.ok) throw new Error(parsed.detail);
  await delivery.retry(0);
  return { job: parsed.job, receiveCount: delivery.receiveCount };
}

describe('a job that gets no slot', () => {
  let held: CopyTurn;
  beforeEach(async () => {
    const turn = await slots.turn({ backend: HERE, host: 'other.example', returns: 0 }, NEVER);
    if (typeof turn === 'string') throw new Error(turn);
    held = turn;
    slots.close();
  });

  test('is sent as a new message, and its claim stays', async () => {
    const job = await copier.sendClaimed(PATH);
    const before = await copier.entry(PATH);
    expect(await copier.runNext()).toMatchObject({ outcome: 'given_back', delaySeconds: 0 });
    expect(await copier.entry(PATH)).toMatchObject({ ...before, leaseEnd: expect.any(Number) as number });
    expect(await copier.mirror.here.queue.depth()).toEqual({ waiting: 1, inFlight: 0, deadLetters: 0 });
    expect(await nextJob()).toEqual({
      job: { ...job, givenBack: 0, earlierDeliveries: 0 },
      receiveCount: 1,
    });
  });

  test('is given back as it is if the queue takes no new message', async () => {
    await copier.sendClaimed(PATH);
    const refusal = (): Error => new QueueError('queue_forbidden', 'no permission to send');
    using _refused = copier.mirror.gate.fail(ENQUEUE, refusal);
    expect(await copier.runNext()).toMatchObject({ outcome: 'given_back' });
    expect(await nextJob()).toMatchObject({ receiveCount: 2 });
    expect(copier.failures).toEqual(['queue']);
  });

  test('counts no delivery, however often it happens, but earlier ones still count', async () => {
    await copier.sendClaimed('/status/500');
    for (let time = 1; time < MAX_RECEIVE_COUNT; time += 1) await (await copier.receive()).retry(0);
    for (let time = 0; time < 3; time += 1)
      expect(await copier.runNext()).toMatchObject({ outcome: 'given_back' });
    const { job, receiveCount } = await nextJob();
    expect([job.earlierDeliveries, receiveCount]).toEqual([MAX_RECEIVE_COUNT - 1, 1]);
    held[Symbol.dispose]();
    // The delivery that nextJob received counts too.
    expect(await copier.runNext()).toMatchObject({ outcome: 'dead_letter' });
  });

  test('asks for the purge marker when its turn comes, because time has passed since the claim', async () => {
    await copier.sendClaimed(PATH);
    await copier.runNext();
    held[Symbol.dispose]();
    const marker = copier.mirror.object(PATH).markerKey;
    const before = copier.mirror.gate.count({ method: 'head', subject: marker });
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied' });
    expect(copier.mirror.gate.count({ method: 'head', subject: marker })).toBe(before + 1);
  });
});

describe('a copy that has begun', () => {
  let hold: Hold;
  beforeEach(() => {
    hold = copier.mirror.origin.hold(PATH, { afterBytes: 50_000 });
  });
  afterEach(() => hold[Symbol.dispose]());

  /** Starts a copy and waits until half of its bytes have arrived. */
  async function begin(): Promise<{
    turn: CopyTurn;
    running: ReturnType<CopierFixture['run']>;
    job: Job;
  }> {
    const job = await copier.sendClaimed(PATH);
    const running = copier.run(await copier.receive());
    await hold.arrived;
    const [turn] = turns;
    if (turn === undefined) throw new Error('the job has no turn');
    return { turn, running, job };
  }

  test('goes on after a pause where it stopped', async () => {
    const { turn, running } = await begin();
    turn.pause();
    hold.release();
    expect(await copier.entry(PATH)).toMatchObject({ state: 'pending', phase: 'copying' });
    expect(await copier.stored(PATH)).toBeNull();
    turn.run();
    expect(await running).toMatchObject({ outcome: 'copied', copy: { sizeBytes: 100_000 }, present: true });
    expect(copier.mirror.gate.count({ part: 'origin', method: 'open' })).toBe(1);
  });

  test('and must end is a queued claim again, with a delayed job of that claim, and counts as no failure', async () => {
    const { turn, running, job } = await begin();
    turn.end();
    expect(await running).toMatchObject({
      outcome: 'given_back',
      why: 'the copy is slow, and others need its slot',
    });
    const entry = await copier.entry(PATH);
    expect(entry).toMatchObject({ state: 'pending', phase: 'queued', attempts: 0 });
    const [sent] = copier.mirror.gate.of(ENQUEUE).slice(-1);
    expect(sent?.options).toMatchObject({
      url: job.url,
      token: entry?.token,
      givenBack: 1,
      earlierDeliveries: 0,
    });
    expect(entry?.token).not.toBe(job.token);
    expect(await copier.mirror.here.queue.depth()).toMatchObject({ deadLetters: 0 });
    expect(await copier.stored(PATH)).toBeNull();
  });

  test('and must end sends no job if somebody else has claimed the object meanwhile', async () => {
    const { turn, running } = await begin();
    using released = copier.mirror.gate.pause({ part: 'entries', method: 'release' }, 'answer');
    turn.end();
    await released.reached;
    const { id } = copier.mirror.object(PATH);
    const claim = { token: 'of a front end', leaseMs: 900_000, copyingLeaseMs: 60_000 };
    expect(await copier.mirror.entries.claim(id, claim)).toMatchObject({ claimed: true });
    const before = copier.mirror.gate.count(ENQUEUE);
    released.resume();
    expect(await running).toMatchObject({ outcome: 'given_back' });
    expect(copier.mirror.gate.count(ENQUEUE)).toBe(before);
    expect(await copier.entry(PATH)).toMatchObject({ state: 'pending', token: 'of a front end' });
    expect(await copier.mirror.here.queue.depth()).toEqual({ waiting: 0, inFlight: 0, deadLetters: 0 });
  });
});
