import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EntryStoreError } from '@cloud-mirror/entry-store';
import { FIRST_VISIBILITY_SECONDS, QueueError, type Delivery } from '@cloud-mirror/job-queue';
import type { Hold } from '@cloud-mirror/testing/origin-server';
import { MAX_RECEIVE_COUNT, openCopier, TIMES, withBody, type CopierFixture } from './copier-fixture.ts';

const PATH = '/bytes/100000';
const RENEW = { part: 'entries', method: 'renew' };
const EXTEND = { part: 'queue here', method: 'extend' };
const PUT = { part: 'store here', method: 'put' };

let copier: CopierFixture;
let hold: Hold;
beforeEach(async () => {
  // A lease of 30 ms is renewed every 10 ms.
  copier = await openCopier({ times: { ...TIMES, copyingLeaseSeconds: 0.03 } });
  // A stopped clock keeps leases from expiring on a slow machine.
  copier.mirror.clock.stoppedAt = Date.now();
  hold = copier.mirror.origin.hold(PATH, { afterBytes: 50_000 });
});
afterEach(async () => {
  hold[Symbol.dispose]();
  await copier[Symbol.asyncDispose]();
  expect(copier.mirror.gate.count({ method: 'delete' })).toBe(0);
});

/** Extends the visibility by a minute each time, so that it does not expire on a slow machine. */
function withLongVisibility(delivery: Delivery): Delivery {
  return { ...withBody(delivery, delivery.body), extend: () => delivery.extend(60) };
}

/** Starts a copy and waits until half of its bytes have arrived. */
async function beginCopy(stop?: AbortSignal): Promise<{ running: ReturnType<CopierFixture['run']> }> {
  await copier.sendClaimed(PATH);
  const running = copier.run(withLongVisibility(await copier.receive()), stop);
  await hold.arrived;
  return { running };
}

/** Starts a copy on the last delivery of its job. */
async function beginLastCopy(
  stop?: AbortSignal,
): Promise<{ delivery: Delivery; running: ReturnType<CopierFixture['run']> }> {
  await copier.sendClaimed(PATH);
  for (let time = 1; time < MAX_RECEIVE_COUNT; time += 1) await (await copier.receive()).retry(0);
  const delivery = await copier.receive();
  const running = copier.run(withLongVisibility(delivery), stop);
  await hold.arrived;
  return { delivery, running };
}

describe('a job that has just started', () => {
  test('has a short lease, which is soon renewed to its full length', async () => {
    await using calm = await openCopier({ times: { ...TIMES, copyingLeaseSeconds: 60 } });
    using midway = calm.mirror.origin.hold(PATH, { afterBytes: 50_000 });
    await calm.sendClaimed(PATH);
    const running = calm.run(await calm.receive());
    await midway.arrived;
    const leaseMs = async (): Promise<number> => {
      const entry = await calm.entry(PATH);
      return entry?.state === 'pending' ? entry.leaseEnd - Date.now() : 0;
    };
    expect(await leaseMs()).toBeLessThanOrEqual(FIRST_VISIBILITY_SECONDS * 1000);
    await expect.poll(leaseMs, { timeout: 20_000 }).toBeGreaterThan(FIRST_VISIBILITY_SECONDS * 1000);
    midway.release();
    expect(await running).toMatchObject({ outcome: 'copied', present: true });
  });
});

describe('while a job runs', () => {
  test('entry and delivery are renewed together, and the progress is recorded', async () => {
    const { running } = await beginCopy();
    const [renewals, extensions] = [copier.mirror.gate.count(RENEW), copier.mirror.gate.count(EXTEND)];
    await copier.mirror.gate.seen(RENEW, renewals + 3);
    await copier.mirror.gate.seen(EXTEND, extensions + 3);
    const written = (): number[] =>
      copier.mirror.gate.of(RENEW).map(({ options }) => (options as { bytes: number }).bytes);
    while (!written().some((bytes) => bytes > 0)) await copier.mirror.gate.seen(RENEW, written().length + 1);
    expect(await copier.entry(PATH)).toMatchObject({ state: 'pending', phase: 'copying' });
    hold.release();
    expect(await running).toMatchObject({ outcome: 'copied', present: true });
  });

  test('renewals stop before the delivery is settled', async () => {
    const { running } = await beginCopy();
    using extending = copier.mirror.gate.pause(EXTEND);
    await extending.reached;
    hold.release();
    await copier.mirror.gate.seen({ part: 'entries', method: 'commit' });
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    // The acknowledgement waits for the running renewal.
    expect(copier.mirror.gate.count({ part: 'queue here', method: 'acknowledge' })).toBe(0);
    extending.resume();
    await running;
    expect(copier.mirror.gate.calls.at(-1)).toMatchObject({ method: 'acknowledge' });
  });

  test('a failing entry store does not count as a lost lease', async () => {
    const { running } = await beginCopy();
    {
      using _down = copier.mirror.gate.fail(RENEW, () => new EntryStoreError('down'));
      await copier.mirror.gate.seen(RENEW, copier.mirror.gate.count(RENEW) + 3);
    }
    hold.release();
    expect(await running).toMatchObject({ outcome: 'copied' });
    expect(copier.failures).toContain('entries');
  });
});

describe('the copy is aborted, nothing is stored and the job is given back', () => {
  test('if the entry has another token', async () => {
    const { running } = await beginCopy();
    const { id } = copier.mirror.object(PATH);
    await copier.mirror.entries.drop(id);
    await copier.mirror.entries.claim(id, { token: 'other', leaseMs: 60_000, copyingLeaseMs: 60_000 });
    expect(await running).toMatchObject({
      outcome: 'given_back',
      why: 'the lease of the entry is lost',
      delaySeconds: 0,
    });
    expect(await copier.stored(PATH)).toBeNull();
    expect(await copier.entry(PATH)).toMatchObject({ token: 'other' });
    expect((await copier.receive()).receiveCount).toBe(2);
  });

  test('if another worker has the delivery', async () => {
    await copier.sendClaimed(PATH);
    const delivery = await copier.receive();
    const running = copier.run(withLongVisibility(delivery));
    await hold.arrived;
    // Ends the visibility, so that another worker gets the job.
    await delivery.retry(0);
    const other = await copier.receive();
    expect(await running).toMatchObject({ outcome: 'given_back', why: 'the delivery is lost' });
    expect(await copier.stored(PATH)).toBeNull();
    // The entry is released for the worker that now has the job.
    expect(await copier.entry(PATH)).toBeNull();
    hold.release();
    expect(await copier.run(other)).toMatchObject({ outcome: 'copied', present: true });
  });

  test('if a frozen worker lost both the entry and the delivery', async () => {
    const { running } = await beginCopy();
    using _gone = copier.mirror.gate.fail({ ...EXTEND, method: 'retry' }, () => {
      return new QueueError('delivery_lost', 'late');
    });
    await copier.mirror.entries.drop(copier.mirror.object(PATH).id);
    expect(await running).toEqual({
      outcome: 'given_back',
      why: 'the lease of the entry is lost',
      delaySeconds: 0,
    });
    expect(await copier.stored(PATH)).toBeNull();
  });

  test('if a defect prevents renewals', async () => {
    const { running } = await beginCopy();
    using _defect = copier.mirror.gate.fail(RENEW, () => new TypeError('a defect'));
    expect(await running).toMatchObject({ outcome: 'given_back', why: 'a defect' });
    expect(await copier.stored(PATH)).toBeNull();
  });

  test('if the queue does not answer until the visibility has expired', async () => {
    const { running } = await beginCopy();
    using _down = copier.mirror.gate.fail(EXTEND, () => new QueueError('queue_unavailable', 'down'));
    expect(await running).toMatchObject({ outcome: 'given_back', why: 'the delivery is lost' });
    expect(copier.failures).toContain('queue');
    expect(await copier.stored(PATH)).toBeNull();
  });
});

describe('the end of the process', () => {
  test('gives the job back at once, with its lease released and nothing stored', async () => {
    const stop = new AbortController();
    const { running } = await beginCopy(stop.signal);
    stop.abort(new Error('this worker stops'));
    expect(await running).toEqual({ outcome: 'given_back', why: 'this worker stops', delaySeconds: 0 });
    expect(await copier.entry(PATH)).toBeNull();
    expect(await copier.stored(PATH)).toBeNull();
    hold.release();
    expect(await copier.runNext()).toMatchObject({ outcome: 'copied', present: true });
  });

  test('sends an equal job in place of one on its last delivery, which would become a dead letter', async () => {
    const stop = new AbortController();
    const { delivery, running } = await beginLastCopy(stop.signal);
    stop.abort(new Error('this worker stops'));
    expect(await running).toEqual({ outcome: 'given_back', why: 'this worker stops', delaySeconds: 0 });
    hold.release();
    const again = await copier.receive();
    expect(again).toMatchObject({ receiveCount: 1, body: delivery.body });
    expect(await copier.run(again)).toMatchObject({ outcome: 'copied', present: true });
    expect(await copier.mirror.here.queue.depth()).toEqual({ waiting: 0, inFlight: 0, deadLetters: 0 });
  });

  test('gives a job back on its last delivery if the queue does not accept an equal one', async () => {
    const stop = new AbortController();
    const { running } = await beginLastCopy(stop.signal);
    using _down = copier.mirror.gate.fail({ ...EXTEND, method: 'enqueue' }, () => {
      return new QueueError('queue_unavailable', 'down');
    });
    stop.abort();
    expect(await running).toMatchObject({ outcome: 'given_back', delaySeconds: 0 });
    expect(copier.failures).toContain('queue');
  });

  test('is not a lost lease, after which a job on its last delivery becomes a dead letter', async () => {
    const { running } = await beginLastCopy();
    await copier.mirror.manager.flush();
    expect(await running).toMatchObject({ outcome: 'given_back', why: 'the lease of the entry is lost' });
    expect(await copier.mirror.here.queue.receive({ max: 1, waitSeconds: 0 })).toEqual([]);
    expect(await copier.mirror.here.queue.depth()).toMatchObject({ deadLetters: 1 });
  });

  test('does not wait for an entry store that does not answer', async () => {
    const stop = new AbortController();
    const { running } = await beginCopy(stop.signal);
    using _down = copier.mirror.gate.fail(
      { part: 'entries', method: 'release' },
      () => new EntryStoreError('down'),
    );
    stop.abort();
    expect(await running).toMatchObject({ outcome: 'given_back', delaySeconds: 0 });
    expect(copier.failures).toContain('entries');
  });

  test('does not prevent the commit of a copy that is already stored', async () => {
    const stop = new AbortController();
    await copier.sendClaimed(PATH);
    using stored = copier.mirror.gate.pause(PUT, 'answer');
    hold.release();
    const running = copier.runNext(stop.signal);
    await stored.reached;
    stop.abort();
    stored.resume();
    expect(await running).toMatchObject({ outcome: 'copied', present: true });
  });
});
