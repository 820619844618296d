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

/** Long enough that no visibility ends during a test. */
const LONG_SECONDS = 60;
const SHORT_SECONDS = 1;
const WAIT_SECONDS = 20;

export function someJob(job: Partial<TestJob> = {}): TestJob {
  return { url: `https://origin.example/${randomUUID()}?é=%20`, token: randomUUID(), ...job };
}

/** Receives one delivery by a long poll; throws if there is none. */
export async function receiveOne(queue: JobQueue<TestJob>): Promise<Delivery> {
  const [delivery] = await queue.receive({ max: 1, waitSeconds: WAIT_SECONDS });
  if (delivery === undefined) throw new Error(`no job was delivered within ${WAIT_SECONDS} seconds`);
  return delivery;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(20);
}

/** Tests the contract of the port for an adapter. `open` returns a separate queue for each test. */
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

    const expectNoJobs = async (of: JobQueue<TestJob>): Promise<void> => {
      expect(await of.receive({ max: 10, waitSeconds: 0 })).toEqual([]);
    };

    describe('enqueue and receive', () => {
      test('a job is delivered as sent, with its receive count', async () => {
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
        await expectNoJobs(queue);
      });

      test('an empty queue delivers nothing', async () => {
        await expectNoJobs(queue);
        expect(await queue.receive({ max: 10, waitSeconds: 1 })).toEqual([]);
      });

      test('a receive returns at most max deliveries, and never more than ten', async () => {
        for (let sent = 0; sent < 14; sent += 1) await queue.enqueue(someJob());
        expect(await queue.receive({ max: 3, waitSeconds: 0 })).toHaveLength(3);
        expect(await queue.receive({ max: 100, waitSeconds: 0 })).toHaveLength(10);
        expect(await queue.receive({ max: 10, waitSeconds: 0 })).toHaveLength(1);
      });

      test('a long poll ends when a job arrives', async () => {
        const waiting = receiveOne(queue);
        const job = someJob();
        await queue.enqueue(job);
        expect(parseJob((await waiting).body)).toEqual({ ok: true, job });
      });

      test('concurrent long polls receive different jobs', async () => {
        const waiting = Array.from({ length: 8 }, () => receiveOne(queue));
        await Promise.all(Array.from({ length: 8 }, () => queue.enqueue(someJob())));
        const ids = (await Promise.all(waiting)).map((delivery) => delivery.id);
        expect(new Set(ids).size).toBe(8);
      });

      test('long polls do not block sends', async () => {
        const waiting = Array.from({ length: 60 }, () => queue.receive({ max: 1, waitSeconds: 20 }));
        await Promise.all(Array.from({ length: 60 }, () => queue.enqueue(someJob())));
        const received = (await Promise.all(waiting)).flat();
        expect(received.length).toBeGreaterThan(0);
      });

      test('a job that is sent with a delay is not delivered before it, and then for the first time', async () => {
        const delays = [0, SHORT_SECONDS, 0];
        const jobs = delays.map(() => someJob());
        const sentAtMs = performance.now();
        await Promise.all(jobs.map((job, index) => queue.enqueue(job, { delaySeconds: delays[index] })));
        const { waiting, inFlight } = await queue.depth();
        expect(waiting + inFlight).toBe(jobs.length);
        const delayed = jobs[1]?.url;
        const urls: string[] = [];
        while (urls.length < jobs.length) {
          const delivery = await receiveOne(queue);
          const { url } = JSON.parse(delivery.body) as TestJob;
          if (url === delayed) expect(performance.now() - sentAtMs).toBeGreaterThan(SHORT_SECONDS * 900);
          expect(delivery.receiveCount).toBe(1);
          urls.push(url);
        }
        expect(urls.sort()).toEqual(jobs.map(({ url }) => url).sort());
      });

      test('an invalid job is refused', async () => {
        await expect(queue.enqueue(someJob({ url: 'nothing' }))).rejects.toMatchObject({
          code: 'queue_rejected',
          retryable: false,
        });
      });
    });

    describe('concurrent calls', () => {
      const COUNT = 23;

      async function receiveAll(count: number): Promise<Delivery[]> {
        const received: Delivery[] = [];
        while (received.length < count) {
          const deliveries = await queue.receive({ max: 10, waitSeconds: WAIT_SECONDS });
          if (deliveries.length === 0) throw new Error(`${received.length} of ${count} jobs were delivered`);
          received.push(...deliveries);
        }
        return received;
      }

      test('send all jobs, even large ones, and each is delivered once', async () => {
        const long = `https://origin.example/${'x'.repeat(32_000)}`;
        const jobs = Array.from({ length: COUNT }, (_, index) => someJob({ url: long + index }));
        await Promise.all(jobs.map((job) => queue.enqueue(job)));
        const received = await receiveAll(COUNT);
        const urls = received.map(({ body }) => (JSON.parse(body) as TestJob).url);
        expect(urls.sort()).toEqual(jobs.map(({ url }) => url).sort());
        await expectNoJobs(queue);
      });

      test('send the valid jobs, but neither an invalid one nor one whose caller aborts', async () => {
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
        // The aborted call may have sent its job already.
        const accepted = outcomes[2]?.status === 'fulfilled' ? 3 : 2;
        expect((await receiveAll(2)).length).toBeLessThanOrEqual(accepted);
      });

      test('acknowledge all jobs, and none is delivered again', async () => {
        const short = await openWith({ visibilityTimeoutSeconds: SHORT_SECONDS });
        queue = short;
        await Promise.all(Array.from({ length: COUNT }, () => queue.enqueue(someJob())));
        const received = await receiveAll(COUNT);
        await Promise.all(received.map((delivery) => delivery.acknowledge()));
        expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 0, deadLetters: 0 });
      });

      test('retry all jobs, and each is delivered again', async () => {
        await Promise.all(Array.from({ length: COUNT }, () => queue.enqueue(someJob())));
        const received = await receiveAll(COUNT);
        await Promise.all(received.map((delivery) => delivery.retry(0)));
        for (const again of await receiveAll(COUNT)) expect(again.receiveCount).toBe(2);
      });

      test('fail alone if another consumer has the job', async () => {
        queue = await openWith({ visibilityTimeoutSeconds: SHORT_SECONDS });
        await queue.enqueue(someJob());
        const lost = await receiveOne(queue);
        const stolen = await receiveOne(queue);
        await stolen.acknowledge();
        await Promise.all([queue.enqueue(someJob()), queue.enqueue(someJob())]);
        const held = await receiveAll(2);
        const outcomes = await Promise.allSettled([lost, ...held].map((delivery) => delivery.extend(30)));
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

      test('a closed queue ends its long polls and refuses calls', async () => {
        await queue.depth();
        const waiting = Promise.allSettled([queue.receive({ max: 1, waitSeconds: 20 })]);
        await queue[Symbol.asyncDispose]();
        await waiting;
        await expect(queue.enqueue(someJob())).rejects.toMatchObject({ code: 'queue_unavailable' });
      });
    });

    describe('a delivery', () => {
      test('that is acknowledged is not repeated', async () => {
        queue = await openWith({ visibilityTimeoutSeconds: SHORT_SECONDS });
        await queue.enqueue(someJob());
        await (await receiveOne(queue)).acknowledge();
        expect(await queue.receive({ max: 1, waitSeconds: 2 * SHORT_SECONDS })).toEqual([]);
        expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 0, deadLetters: 0 });
      });

      test('that is not settled is repeated, and counted', async () => {
        queue = await openWith({ visibilityTimeoutSeconds: SHORT_SECONDS });
        await queue.enqueue(someJob());
        const first = await receiveOne(queue);
        const second = await receiveOne(queue);
        expect(second).toMatchObject({ id: first.id, body: first.body, receiveCount: 2 });
        expect(second.sentAt).toEqual(first.sentAt);
      });

      test('that is retried without delay is repeated at once', async () => {
        await queue.enqueue(someJob());
        const first = await receiveOne(queue);
        await first.retry(0);
        expect(await receiveOne(queue)).toMatchObject({ id: first.id, receiveCount: 2 });
      });

      test('that is retried without delay wakes a long poll', async () => {
        await queue.enqueue(someJob());
        const first = await receiveOne(queue);
        const waiting = receiveOne(queue);
        await first.retry(0);
        expect(await waiting).toMatchObject({ id: first.id });
      });

      test('that is retried with a delay is repeated after it', async () => {
        await queue.enqueue(someJob());
        const first = await receiveOne(queue);
        await first.retry(SHORT_SECONDS);
        await expectNoJobs(queue);
        expect(await receiveOne(queue)).toMatchObject({ id: first.id, receiveCount: 2 });
      });

      test('is retried after at most twelve hours', async () => {
        await queue.enqueue(someJob());
        await (await receiveOne(queue)).retry(1_000_000);
        expect(await queue.depth()).toMatchObject({ waiting: 0, inFlight: 1 });
      });

      test('that is extended stays invisible past its first visibility', async () => {
        queue = await openWith({ visibilityTimeoutSeconds: SHORT_SECONDS });
        await queue.enqueue(someJob());
        const delivery = await receiveOne(queue);
        await delivery.extend(LONG_SECONDS);
        expect(await queue.receive({ max: 1, waitSeconds: 2 * SHORT_SECONDS })).toEqual([]);
        await delivery.acknowledge();
      });

      test('that is extended briefly is repeated after that time', async () => {
        await queue.enqueue(someJob());
        const first = await receiveOne(queue);
        await first.extend(SHORT_SECONDS);
        expect(await receiveOne(queue)).toMatchObject({ id: first.id, receiveCount: 2 });
      });

      test.each([
        ['extend', (delivery: Delivery) => delivery.extend(10)],
        ['retry', (delivery: Delivery) => delivery.retry(10)],
        ['deadLetter', (delivery: Delivery) => delivery.deadLetter('too late')],
      ])('that another consumer has received is lost: %s', async (_name, settle) => {
        queue = await openWith({ visibilityTimeoutSeconds: SHORT_SECONDS });
        await queue.enqueue(someJob());
        const first = await receiveOne(queue);
        const second = await receiveOne(queue);
        await second.extend(LONG_SECONDS);
        await expect(settle(first)).rejects.toMatchObject({ code: 'delivery_lost', retryable: false });
        expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 1, deadLetters: 0 });
      });

      test('that is acknowledged too late does not affect the consumer that has the job', async () => {
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
      /** Sends one job and makes it a dead letter with `reason`. */
      async function buried(reason: string): Promise<TestJob> {
        const job = someJob();
        await queue.enqueue(job);
        await (await receiveOne(queue)).deadLetter(reason);
        return job;
      }

      test('a job becomes a dead letter after maxReceiveCount deliveries', async () => {
        const job = someJob();
        await queue.enqueue(job);
        for (const count of [1, 2, 3]) {
          const delivery = await receiveOne(queue);
          expect(delivery.receiveCount).toBe(count);
          await delivery.retry(0);
        }
        await expectNoJobs(queue);
        const [letter, ...others] = await queue.deadLetters(10);
        expect(others).toEqual([]);
        expect(letter).toMatchObject({ reason: null });
        expect(parseJob(letter?.body ?? '')).toEqual({ ok: true, job });
      });

      test('deadLetter makes a job a dead letter at once, with the reason', async () => {
        const reason = 'malformed: \u0000 <&> é \ud83d\ude00';
        const job = await buried(reason);
        await expectNoJobs(queue);
        const [letter] = await queue.deadLetters(10);
        expect(parseJob(letter?.body ?? '')).toEqual({ ok: true, job });
        expect(letter?.reason).toMatch(/^malformed: . <&> é \u{1f600}$/su);
        expect(letter?.id).not.toBe('');
        expect(letter?.sentAt.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
        expect(await queue.depth()).toEqual({ waiting: 0, inFlight: 0, deadLetters: 1 });
      });

      test('a long reason is truncated, and an empty one is accepted', async () => {
        await buried('x'.repeat(300_000));
        await buried('');
        expect(await queue.deadLetters(10)).toHaveLength(2);
      });

      test('reading dead letters does not remove them, and counts as a delivery', async () => {
        await buried('one');
        const [first] = await queue.deadLetters(10);
        const [second] = await queue.deadLetters(10);
        expect(second?.id).toBe(first?.id);
        expect(second?.receiveCount).toBe((first?.receiveCount ?? 0) + 1);
      });

      test('at most the requested number of dead letters is returned', async () => {
        for (let count = 0; count < 13; count += 1) await buried(`reason ${count}`);
        expect(await queue.deadLetters(2)).toHaveLength(2);
        expect(await queue.deadLetters(0)).toEqual([]);
        const letters = await queue.deadLetters(100);
        expect(new Set(letters.map((letter) => letter.id)).size).toBe(13);
      });

      test('a redrive makes all of them jobs again', async () => {
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

      test('a purge of the dead letters leaves the jobs', async () => {
        await buried('one');
        await queue.enqueue(someJob());
        await queue.purgeDeadLetters();
        expect(await queue.depth()).toEqual({ waiting: 1, inFlight: 0, deadLetters: 0 });
      });
    });

    describe('operators', () => {
      test('see the numbers of waiting jobs, jobs in flight and dead letters', async () => {
        for (let sent = 0; sent < 4; sent += 1) await queue.enqueue(someJob());
        await receiveOne(queue);
        await (await receiveOne(queue)).deadLetter('given up');
        await until(async () => (await queue.depth()).deadLetters === 1);
        expect(await queue.depth()).toEqual({ waiting: 2, inFlight: 1, deadLetters: 1 });
      });

      test('purge the waiting jobs and not the dead letters', async () => {
        await queue.enqueue(someJob());
        await (await receiveOne(queue)).deadLetter('given up');
        await queue.enqueue(someJob());
        await queue.purge();
        await expectNoJobs(queue);
        expect(await queue.depth()).toMatchObject({ waiting: 0, deadLetters: 1 });
      });

      test('change nothing by a second prepare', async () => {
        await queue.prepare();
        expect(await queue.prepare()).toEqual([]);
      });
    });
  });
}
