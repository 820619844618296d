import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Delivery, JobQueue } from '../src/job-queue.ts';
import { parseJob, serializeJob, type TestJob } from './test-job.ts';

export { serializeJob, type TestJob };

export interface ContractOptions {
  readonly maxReceiveCount: number;
  readonly visibilityTimeoutSeconds: number;
}

/** Long enough that nothing comes back by itself within a test. */
const LONG_SECONDS = 60;
const SHORT_SECONDS = 1;
const WAIT_SECONDS = 20;

export function someJob(job: Partial<TestJob> = {}): TestJob {
  return { url: `https://origin.example/${randomUUID()}?é=%20`, token: randomUUID(), ...job };
}

/** One delivery; waits for it as long as a long poll does. */
export async function receiveOne(queue: JobQueue<TestJob>): Promise<Delivery> {
  const [delivery] = await queue.receive({ max: 1, waitSeconds: WAIT_SECONDS });
  if (delivery === undefined) throw new Error(`nothing came within ${WAIT_SECONDS} seconds`);
  return delivery;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(20);
}

/** Every sentence of the port, for any adapter. `open` gives a queue of its own to each test. */
export function describeJobQueue(
  name: string,
  open: (options: ContractOptions) => Promise<JobQueue<TestJob>>,
): void {
  describe(name, () => {
    let opened = new AsyncDisposableStack();
    let queue: JobQueue<TestJob>;

    async function openWith(options: Partial<ContractOptions>): Promise<JobQueue<TestJob>> {
      return opened.use(
        await open({ maxReceiveCount: 3, visibilityTimeoutSeconds: LONG_SECONDS, ...options }),
      );
    }

    beforeEach(async () => {
      opened = new AsyncDisposableStack();
      queue = await openWith({});
    });
    afterEach(() => opened.disposeAsync());

    const nothing = async (of: JobQueue<TestJob>): Promise<void> => {
      expect(await of.receive({ max: 10, waitSeconds: 0 })).toEqual([]);
    };

    describe('enqueue and receive', () => {
      test('a job arrives as it was sent, and is counted', async () => {
        const before = Math.floor(Date.now() / 1_000) * 1_000;
        const job = someJob();
        await queue.enqueue(job);
        const delivery = await receiveOne(queue);
        expect(parseJob(delivery.body)).toEqual({ ok: true, job });
        expect(delivery.receiveCount).toBe(1);
        expect(delivery.id).not.toBe('');
        expect(delivery.sentAt.getTime()).toBeGreaterThanOrEqual(before);
        expect(delivery.sentAt.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
      });

      test('a delivery is invisible to others', async () => {
        await queue.enqueue(someJob());
        await receiveOne(queue);
        await nothing(queue);
      });

      test('an empty queue answers with nothing', async () => {
        await nothing(queue);
        expect(await queue.receive({ max: 10, waitSeconds: 1 })).toEqual([]);
      });

      test('at most max come, and ten at the most', async () => {
        for (let sent = 0; sent < 14; sent += 1) await queue.enqueue(someJob());
        expect(await queue.receive({ max: 3, waitSeconds: 0 })).toHaveLength(3);
        expect(await queue.receive({ max: 100, waitSeconds: 0 })).toHaveLength(10);
        expect(await queue.receive({ max: 10, waitSeconds: 0 })).toHaveLength(1);
      });

      test('a long poll ends when a job comes', async () => {
        const waiting = receiveOne(queue);
        const job = someJob();
        await queue.enqueue(job);
        expect(parseJob((await waiting).body)).toEqual({ ok: true, job });
      });

      test('of many that wait, each gets jobs of its own', async () => {
        const waiting = Array.from({ length: 8 }, () => receiveOne(queue));
        await Promise.all(Array.from({ length: 8 }, () => queue.enqueue(someJob())));
        const ids = (await Promise.all(waiting)).map((delivery) => delivery.id);
        expect(new Set(ids).size).toBe(8);
      });

      test('long polls do not keep jobs from being sent', async () => {
        const waiting = Array.from({ length: 60 }, () => queue.receive({ max: 1, waitSeconds: 20 }));
        await Promise.all(Array.from({ length: 60 }, () => queue.enqueue(someJob())));
        const received = (await Promise.all(waiting)).flat();
        expect(received.length).toBeGreaterThan(0);
      });

      test('a job that nobody would take is refused', async () => {
        await expect(queue.enqueue(someJob({ url: 'nothing' }))).rejects.toMatchObject({
          code: 'queue_rejected',
          retryable: false,
        });
      });
    });

    describe('many at once', () => {
      const COUNT = 23;

      async function receiveAll(count: number): Promise<Delivery[]> {
        const received: Delivery[] = [];
        while (received.length < count) {
          const come = await queue.receive({ max: 10, waitSeconds: WAIT_SECONDS });
          if (come.length === 0) throw new Error(`${received.length} of ${count} came`);
          received.push(...come);
        }
        return received;
      }

      test('all are sent, long ones as well, and each comes once', async () => {
        const long = `https://origin.example/${'x'.repeat(32_000)}`;
        const jobs = Array.from({ length: COUNT }, (_, index) => someJob({ url: long + index }));
        await Promise.all(jobs.map((job) => queue.enqueue(job)));
        const received = await receiveAll(COUNT);
        const urls = received.map(({ body }) => (JSON.parse(body) as TestJob).url);
        expect(urls.sort()).toEqual(jobs.map(({ url }) => url).sort());
        await nothing(queue);
      });

      test('one that nobody would take, and one whose caller goes away, are not sent, the others are', async () => {
        const gone = new AbortController();
        const sent = [
          queue.enqueue(someJob()),
          queue.enqueue(someJob({ url: 'nothing' })),
          queue.enqueue(someJob(), { signal: gone.signal }),
          queue.enqueue(someJob()),
        ];
        gone.abort(new Error('gone'));
        const outcomes = await Promise.allSettled(sent);
        expect(outcomes.map(({ status }) => status).slice(0, 2)).toEqual(['fulfilled', 'rejected']);
        expect(outcomes[3]?.status).toBe('fulfilled');
        // A job may have been taken although its call was given up.
        const taken = outcomes[2]?.status === 'fulfilled' ? 3 : 2;
        expect((await receiveAll(2)).length).toBeLessThanOrEqual(taken);
      });

      test('acknowledged, none comes again', async () => {
        const short = await openWith({ visibilityTimeoutSeconds: SHORT_SECONDS });
        queue = short;
        await Promise.all(Array.from({ length: COUNT }, () => queue.enqueue(someJob())));
        const received = await receiveAll(COUNT);
        await Promise.all(received.map((delivery) => delivery.acknowledge()));
        expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 0, deadLetters: 0 });
      });

      test('retried, all come again', async () => {
        await Promise.all(Array.from({ length: COUNT }, () => queue.enqueue(someJob())));
        const received = await receiveAll(COUNT);
        await Promise.all(received.map((delivery) => delivery.retry(0)));
        for (const again of await receiveAll(COUNT)) expect(again.receiveCount).toBe(2);
      });

      test('one that somebody else has by now is lost alone', async () => {
        queue = await openWith({ visibilityTimeoutSeconds: SHORT_SECONDS });
        await queue.enqueue(someJob());
        const lost = await receiveOne(queue);
        const stolen = await receiveOne(queue);
        await stolen.acknowledge();
        await Promise.all([queue.enqueue(someJob()), queue.enqueue(someJob())]);
        const ours = await receiveAll(2);
        const outcomes = await Promise.allSettled([lost, ...ours].map((delivery) => delivery.extend(30)));
        expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
        expect(outcomes[0]).toMatchObject({ reason: { code: 'delivery_lost' } });
      });
    });

    describe('signals', () => {
      test('an aborted call rejects with the reason', async () => {
        const reason = new Error('the caller went away');
        const signal = AbortSignal.abort(reason);
        await expect(queue.enqueue(someJob(), { signal })).rejects.toBe(reason);
        await expect(queue.receive({ max: 1, waitSeconds: 20, signal })).rejects.toBe(reason);
        await expect(queue.depth({ signal })).rejects.toBe(reason);
        await expect(queue.purge({ signal })).rejects.toBe(reason);
        await expect(queue.deadLetters(1, { signal })).rejects.toBe(reason);
        await expect(queue.redriveDeadLetters({ signal })).rejects.toBe(reason);
        await expect(queue.purgeDeadLetters({ signal })).rejects.toBe(reason);
        await expect(queue.prepare({ signal })).rejects.toBe(reason);
      });

      test('a long poll that is aborted rejects with the reason at once', async () => {
        const reason = new Error('the program ends');
        const controller = new AbortController();
        const waiting = queue.receive({ max: 1, waitSeconds: 20, signal: controller.signal });
        const outcome = expect(waiting).rejects.toBe(reason);
        controller.abort(reason);
        await outcome;
      });

      test('a queue that is closed ends its long polls and takes no calls', async () => {
        await queue.depth();
        const waiting = Promise.allSettled([queue.receive({ max: 1, waitSeconds: 20 })]);
        await queue[Symbol.asyncDispose]();
        await waiting;
        await expect(queue.enqueue(someJob())).rejects.toMatchObject({ code: 'queue_unavailable' });
      });
    });

    describe('a delivery', () => {
      test('acknowledged never comes again', async () => {
        queue = await openWith({ visibilityTimeoutSeconds: SHORT_SECONDS });
        await queue.enqueue(someJob());
        await (await receiveOne(queue)).acknowledge();
        expect(await queue.receive({ max: 1, waitSeconds: 2 * SHORT_SECONDS })).toEqual([]);
        expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 0, deadLetters: 0 });
      });

      test('never settled comes back by itself, and is counted', async () => {
        queue = await openWith({ visibilityTimeoutSeconds: SHORT_SECONDS });
        await queue.enqueue(someJob());
        const first = await receiveOne(queue);
        const second = await receiveOne(queue);
        expect(second).toMatchObject({ id: first.id, body: first.body, receiveCount: 2 });
        expect(second.sentAt).toEqual(first.sentAt);
      });

      test('retried at once comes at once', async () => {
        await queue.enqueue(someJob());
        const first = await receiveOne(queue);
        await first.retry(0);
        expect(await receiveOne(queue)).toMatchObject({ id: first.id, receiveCount: 2 });
      });

      test('retried at once wakes a long poll', async () => {
        await queue.enqueue(someJob());
        const first = await receiveOne(queue);
        const waiting = receiveOne(queue);
        await first.retry(0);
        expect(await waiting).toMatchObject({ id: first.id });
      });

      test('retried later comes later', async () => {
        await queue.enqueue(someJob());
        const first = await receiveOne(queue);
        await first.retry(SHORT_SECONDS);
        await nothing(queue);
        expect(await receiveOne(queue)).toMatchObject({ id: first.id, receiveCount: 2 });
      });

      test('may be retried in twelve hours, and no later', async () => {
        await queue.enqueue(someJob());
        await (await receiveOne(queue)).retry(1_000_000);
        expect(await queue.depth()).toMatchObject({ waiting: 0, inFlight: 1 });
      });

      test('extended stays invisible past its first visibility', async () => {
        queue = await openWith({ visibilityTimeoutSeconds: SHORT_SECONDS });
        await queue.enqueue(someJob());
        const delivery = await receiveOne(queue);
        await delivery.extend(LONG_SECONDS);
        expect(await queue.receive({ max: 1, waitSeconds: 2 * SHORT_SECONDS })).toEqual([]);
        await delivery.acknowledge();
      });

      test('extended by a little comes back after it', async () => {
        await queue.enqueue(someJob());
        const first = await receiveOne(queue);
        await first.extend(SHORT_SECONDS);
        expect(await receiveOne(queue)).toMatchObject({ id: first.id, receiveCount: 2 });
      });

      test.each([
        ['extend', (delivery: Delivery) => delivery.extend(10)],
        ['retry', (delivery: Delivery) => delivery.retry(10)],
        ['deadLetter', (delivery: Delivery) => delivery.deadLetter('too late')],
      ])('that somebody else has by now is lost: %s', async (_name, settle) => {
        queue = await openWith({ visibilityTimeoutSeconds: SHORT_SECONDS });
        await queue.enqueue(someJob());
        const first = await receiveOne(queue);
        const second = await receiveOne(queue);
        await second.extend(LONG_SECONDS);
        await expect(settle(first)).rejects.toMatchObject({ code: 'delivery_lost', retryable: false });
        expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 1, deadLetters: 0 });
      });

      test('that is acknowledged too late takes nothing from whoever has it', async () => {
        queue = await openWith({ visibilityTimeoutSeconds: SHORT_SECONDS });
        await queue.enqueue(someJob());
        const first = await receiveOne(queue);
        const second = await receiveOne(queue);
        await second.extend(LONG_SECONDS);
        await first.acknowledge();
        await second.retry(0);
        expect(await receiveOne(queue)).toMatchObject({ id: first.id, receiveCount: 3 });
      });
    });

    describe('dead letters', () => {
      /** Sends one job and has it given up for `reason`. */
      async function buried(reason: string): Promise<TestJob> {
        const job = someJob();
        await queue.enqueue(job);
        await (await receiveOne(queue)).deadLetter(reason);
        return job;
      }

      test('a job becomes one after so many deliveries', async () => {
        const job = someJob();
        await queue.enqueue(job);
        for (const count of [1, 2, 3]) {
          const delivery = await receiveOne(queue);
          expect(delivery.receiveCount).toBe(count);
          await delivery.retry(0);
        }
        await nothing(queue);
        const [letter, ...others] = await queue.deadLetters(10);
        expect(others).toEqual([]);
        expect(letter).toMatchObject({ reason: null });
        expect(parseJob(letter?.body ?? '')).toEqual({ ok: true, job });
      });

      test('a delivery given up is one at once, with the reason', async () => {
        const reason = 'malformed: \u0000 <&> é \ud83d\ude00';
        const job = await buried(reason);
        await nothing(queue);
        const [letter] = await queue.deadLetters(10);
        expect(parseJob(letter?.body ?? '')).toEqual({ ok: true, job });
        expect(letter?.reason).toMatch(/^malformed: . <&> é \u{1f600}$/su);
        expect(letter?.id).not.toBe('');
        expect(letter?.sentAt.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
        expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 0, deadLetters: 1 });
      });

      test('the longest reason is taken, cut, and an empty one as well', async () => {
        await buried('x'.repeat(300_000));
        await buried('');
        expect(await queue.deadLetters(10)).toHaveLength(2);
      });

      test('looking removes none, and counts', async () => {
        await buried('one');
        const [first] = await queue.deadLetters(10);
        const [second] = await queue.deadLetters(10);
        expect(second?.id).toBe(first?.id);
        expect(second?.receiveCount).toBe((first?.receiveCount ?? 0) + 1);
      });

      test('looking at some shows so many', async () => {
        for (let count = 0; count < 13; count += 1) await buried(`reason ${count}`);
        expect(await queue.deadLetters(2)).toHaveLength(2);
        expect(await queue.deadLetters(0)).toEqual([]);
        const letters = await queue.deadLetters(100);
        expect(new Set(letters.map((letter) => letter.id)).size).toBe(13);
      });

      test('redriven, all are jobs again', async () => {
        const jobs: TestJob[] = [];
        for (let count = 0; count < 13; count += 1) jobs.push(await buried('again'));
        expect(await queue.redriveDeadLetters()).toBe(13);
        expect(await queue.depth()).toEqual({ waiting: 13, inFlight: 0, deadLetters: 0 });
        const tokens = new Set<string>();
        for (let count = 0; count < 13; count += 1) {
          const delivery = await receiveOne(queue);
          expect(delivery.receiveCount).toBe(1);
          const parsed = parseJob(delivery.body);
          if (parsed.ok) tokens.add(parsed.job.token);
        }
        expect(tokens).toEqual(new Set(jobs.map((job) => job.token)));
        expect(await queue.redriveDeadLetters()).toBe(0);
      });

      test('purged, they are gone and jobs are not', async () => {
        await buried('one');
        await queue.enqueue(someJob());
        await queue.purgeDeadLetters();
        expect(await queue.depth()).toEqual({ waiting: 1, inFlight: 0, deadLetters: 0 });
      });
    });

    describe('operators', () => {
      test('see what waits, what is in flight and what gave up', async () => {
        for (let sent = 0; sent < 4; sent += 1) await queue.enqueue(someJob());
        await receiveOne(queue);
        await (await receiveOne(queue)).deadLetter('given up');
        await until(async () => (await queue.depth()).deadLetters === 1);
        expect(await queue.depth()).toEqual({ waiting: 2, inFlight: 1, deadLetters: 1 });
      });

      test('purge what waits and not what gave up', async () => {
        await queue.enqueue(someJob());
        await (await receiveOne(queue)).deadLetter('given up');
        await queue.enqueue(someJob());
        await queue.purge();
        await nothing(queue);
        expect(await queue.depth()).toMatchObject({ waiting: 0, deadLetters: 1 });
      });

      test('prepare again and nothing changes', async () => {
        await queue.prepare();
        expect(await queue.prepare()).toEqual([]);
      });
    });
  });
}
