import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EntryStoreError, MemoryEntryStore } from '@cloud-mirror/entry-store';
import { serializeJob, type Job } from '@cloud-mirror/mirrored-objects';
import { MemoryJobQueue, QueueError } from '@cloud-mirror/job-queue';
import { GuardedEntryStore } from '../src/breakers/guarded-entry-store.ts';
import { GuardedJobQueue } from '../src/breakers/guarded-job-queue.ts';
import { PATIENCE_MS, PartBreaker } from '../src/breakers/part-breaker.ts';

const RETRY_MS = 1_000;
const FAILURES = 3;

beforeEach(() => vi.useFakeTimers({ now: 0 }));
afterEach(() => vi.useRealTimers());

function breaker() {
  const changes: boolean[] = [];
  const made = new PartBreaker({
    isSilence: (error) => error instanceof Error && error.message === 'silent',
    refusal: () => new Error('refused'),
    onChange: (open) => changes.push(open),
    failures: FAILURES,
    retryMs: RETRY_MS,
  });
  return { made, changes };
}

const silent = async (): Promise<never> => {
  throw new Error('silent');
};

async function open(made: PartBreaker): Promise<void> {
  for (let time = 0; time < FAILURES; time += 1) await expect(made.call(silent)).rejects.toThrow('silent');
}

describe('the breaker of a part that does not answer', () => {
  test('opens after a number of consecutive failures, and then fails calls at once', async () => {
    const { made, changes } = breaker();
    await open(made);
    expect(changes).toEqual([true]);
    const work = vi.fn(silent);
    await expect(made.call(work)).rejects.toThrow('refused');
    expect(work).not.toHaveBeenCalled();
  });

  test('makes one trial call after a time, for which other calls wait briefly', async () => {
    const { made, changes } = breaker();
    await open(made);
    vi.advanceTimersByTime(RETRY_MS);
    const answer = Promise.withResolvers<string>();
    const trying = made.call(() => answer.promise);
    const impatient = expect(made.call(async () => 'another')).rejects.toThrow('refused');
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    await impatient;
    const waiting = made.call(async () => 'another');
    answer.resolve('here');
    expect(await trying).toBe('here');
    expect(await waiting).toBe('another');
    expect(changes).toEqual([true, false]);
  });

  test('makes all concurrent calls when the part has recovered', async () => {
    const { made } = breaker();
    await open(made);
    vi.advanceTimersByTime(60 * RETRY_MS);
    const numbers = Array.from({ length: 100 }, (_, number) => number);
    expect(await Promise.all(numbers.map((number) => made.call(async () => number)))).toEqual(numbers);
  });

  test('fails the calls that waited for a trial call that failed', async () => {
    const { made } = breaker();
    await open(made);
    vi.advanceTimersByTime(RETRY_MS);
    const trying = made.call(silent);
    const work = vi.fn(silent);
    const waiting = made.call(work);
    await expect(trying).rejects.toThrow('silent');
    await expect(waiting).rejects.toThrow('refused');
    expect(work).not.toHaveBeenCalled();
  });

  test('makes its trial call in time although the system clock was set back', async () => {
    const { made } = breaker();
    vi.setSystemTime(3_600_000);
    await open(made);
    vi.setSystemTime(0);
    vi.advanceTimersByTime(RETRY_MS);
    expect(await made.call(async () => 'here')).toBe('here');
  });

  test('ignores failures of calls that began before it opened', async () => {
    const { made, changes } = breaker();
    const late = Promise.withResolvers<never>();
    const old = Array.from({ length: 3 * FAILURES }, () => made.call(() => late.promise));
    const failed = Promise.all(old.map((call) => expect(call).rejects.toThrow('silent')));
    await open(made);
    vi.advanceTimersByTime(RETRY_MS);
    const answer = Promise.withResolvers<string>();
    const trying = made.call(() => answer.promise);
    late.reject(new Error('silent'));
    await failed;
    answer.resolve('here');
    expect(await trying).toBe('here');
    expect(await made.call(async () => 'another')).toBe('another');
    expect(changes).toEqual([true, false]);
  });

  test('closes on reset, whatever the result of the trial call', async () => {
    const { made, changes } = breaker();
    await open(made);
    vi.advanceTimersByTime(RETRY_MS);
    const late = Promise.withResolvers<never>();
    const trying = made.call(() => late.promise);
    const waiting = made.call(async () => 'waited');
    made.reset();
    expect(await waiting).toBe('waited');
    late.reject(new Error('silent'));
    await expect(trying).rejects.toThrow('silent');
    expect(await made.call(async () => 'here')).toBe('here');
    expect(changes).toEqual([true, false]);
  });

  test('stays open for another period if the trial call fails', async () => {
    const { made, changes } = breaker();
    await open(made);
    vi.advanceTimersByTime(RETRY_MS);
    await expect(made.call(silent)).rejects.toThrow('silent');
    await expect(made.call(async () => 1)).rejects.toThrow('refused');
    expect(changes).toEqual([true]);
  });
});

test('the breaker stays closed for a part that answers in between, or answers with an error', async () => {
  const { made, changes } = breaker();
  for (let time = 0; time < 3 * FAILURES; time += 1) {
    await expect(made.call(silent)).rejects.toThrow('silent');
    await made.call(async () => 'here');
    await expect(made.call(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  }
  expect(changes).toEqual([]);
});

const OBJECT = { backend: 's3/a', sha256: 'a'.repeat(64) };
const OPTIONS = { onChange: () => undefined, failures: 1, retryMs: RETRY_MS };

test('an open breaker still lets claims be released, committed and dropped', async () => {
  const memory = new MemoryEntryStore();
  const entries = new GuardedEntryStore(memory, OPTIONS);
  await entries.claim(OBJECT, { token: 'one', leaseMs: 9_000, copyingLeaseMs: 9_000 });
  vi.spyOn(memory, 'get').mockRejectedValueOnce(new EntryStoreError('silent'));
  await expect(entries.get(OBJECT)).rejects.toThrow('silent');
  await expect(entries.get(OBJECT)).rejects.toMatchObject({ code: 'entry_store_unavailable' });
  await expect(entries.take(OBJECT, { token: 't', jobToken: 'j', leaseMs: 1 })).rejects.toThrow('not made');
  expect(await entries.release(OBJECT, 'one')).toBe(true);
});

test('a new connection to the entry store closes its breaker', async () => {
  const memory = new MemoryEntryStore();
  const epoch = vi.spyOn(memory as { epoch: number }, 'epoch', 'get').mockReturnValue(1);
  const entries = new GuardedEntryStore(memory, OPTIONS);
  vi.spyOn(memory, 'get').mockRejectedValueOnce(new EntryStoreError('silent'));
  await expect(entries.get(OBJECT)).rejects.toThrow('silent');
  await expect(entries.get(OBJECT)).rejects.toThrow('not made');
  epoch.mockReturnValue(2);
  expect(await entries.get(OBJECT)).toBeNull();
});

test('an open breaker stops jobs to the queue, but not receives', async () => {
  const memory = new MemoryJobQueue({
    serialize: serializeJob,
    maxReceiveCount: 2,
    visibilityTimeoutSeconds: 2,
  });
  const queue = new GuardedJobQueue(memory, OPTIONS);
  vi.spyOn(memory, 'enqueue').mockRejectedValueOnce(new QueueError('queue_unavailable', 'silent'));
  await expect(queue.enqueue({} as Job)).rejects.toThrow('silent');
  await expect(queue.enqueue({} as Job)).rejects.toMatchObject({ code: 'queue_unavailable' });
  expect(await queue.receive({ max: 1, waitSeconds: 0 })).toEqual([]);
});
