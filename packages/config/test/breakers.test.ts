import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { EntryStoreError, MemoryEntryStore } from '@cloud-mirror/cache-manager';
import { MemoryJobQueue, QueueError, type Job } from '@cloud-mirror/job-queue';
import { GuardedEntryStore } from '../src/breakers/guarded-entry-store.ts';
import { GuardedJobQueue } from '../src/breakers/guarded-job-queue.ts';
import { PartBreaker } from '../src/breakers/part-breaker.ts';

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

describe('a part that does not answer', () => {
  test('is not asked any more after so many calls one after the other, and each of those fails at once', async () => {
    const { made, changes } = breaker();
    await open(made);
    expect(changes).toEqual([true]);
    const work = vi.fn(silent);
    await expect(made.call(work)).rejects.toThrow('refused');
    expect(work).not.toHaveBeenCalled();
  });

  test('is asked by one call after a time; the others do not wait for it', async () => {
    const { made, changes } = breaker();
    await open(made);
    vi.advanceTimersByTime(RETRY_MS);
    const answer = Promise.withResolvers<string>();
    const trying = made.call(() => answer.promise);
    await expect(made.call(async () => 'another')).rejects.toThrow('refused');
    answer.resolve('here');
    expect(await trying).toBe('here');
    expect(await made.call(async () => 'another')).toBe('another');
    expect(changes).toEqual([true, false]);
  });

  test('that is still silent then is left alone for another while', async () => {
    const { made, changes } = breaker();
    await open(made);
    vi.advanceTimersByTime(RETRY_MS);
    await expect(made.call(silent)).rejects.toThrow('silent');
    await expect(made.call(async () => 1)).rejects.toThrow('refused');
    expect(changes).toEqual([true]);
  });
});

test('a part that answers in between, or with an error of its own, goes on being asked', async () => {
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

test('claims of a silent entry store are released, committed and dropped all the same', async () => {
  const memory = new MemoryEntryStore();
  const entries = new GuardedEntryStore(memory, OPTIONS);
  await entries.claim(OBJECT, { token: 'one', leaseMs: 9_000, copyingLeaseMs: 9_000 });
  vi.spyOn(memory, 'get').mockRejectedValueOnce(new EntryStoreError('silent'));
  await expect(entries.get(OBJECT)).rejects.toThrow('silent');
  await expect(entries.get(OBJECT)).rejects.toMatchObject({ code: 'entry_store_unavailable' });
  await expect(entries.take(OBJECT, { token: 't', jobToken: 'j', leaseMs: 1 })).rejects.toThrow('not asked');
  expect(await entries.release(OBJECT, 'one')).toBe(true);
});

test('a silent queue gets no jobs, but is asked for deliveries', async () => {
  const memory = new MemoryJobQueue({ maxReceiveCount: 2, visibilityTimeoutSeconds: 2 });
  const queue = new GuardedJobQueue(memory, OPTIONS);
  vi.spyOn(memory, 'enqueue').mockRejectedValueOnce(new QueueError('queue_unavailable', 'silent'));
  await expect(queue.enqueue({} as Job)).rejects.toThrow('silent');
  await expect(queue.enqueue({} as Job)).rejects.toMatchObject({ code: 'queue_unavailable' });
  expect(await queue.receive({ max: 1, waitSeconds: 0 })).toEqual([]);
});
