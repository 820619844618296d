import {
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import type {
  DeadLetter,
  Delivery,
  EnqueueOptions,
  JobQueue,
  QueueCallOptions,
  QueueDepth,
  QueueError,
  ReceiveOptions,
  SerializeJob,
} from '../job-queue.ts';
import { FIRST_VISIBILITY_SECONDS, LONGEST_DELAY_SECONDS } from '../job-queue.ts';
import { SqsBatches } from './sqs-batches.ts';
import { SqsCalls } from './sqs-calls.ts';
import type { SqsCallsOptions } from './sqs-calls.ts';
import { SqsDeadLetters } from './sqs-dead-letters.ts';
import { SqsDelivery } from './sqs-delivery.ts';
import { entryFailures } from './sqs-errors.ts';
import { SqsQueueAddress } from './sqs-queue-address.ts';
import { SqsSetUp } from './sqs-set-up.ts';
import type { SqsQueueNames } from './sqs-set-up.ts';
import { SqsSettlements } from './sqs-settlements.ts';

export interface SqsJobQueueOptions<Job> extends SqsCallsOptions, SqsQueueNames {
  readonly serialize: SerializeJob<Job>;
  /** Whether the first call that needs a missing queue creates it. `prepare` always does. */
  readonly create: boolean;
}

/** Fields of SendMessage. */
interface SentJob {
  readonly MessageBody: string;
  readonly DelaySeconds?: number;
}

const MOST_MESSAGES = 10;
const LONGEST_WAIT_SECONDS = 20;

/**
 * A job queue in Amazon SQS or a compatible server: one standard queue and its dead-letter queue. The constructor does
 * not need SQS to be reachable. The time limit applies to each request of `redriveDeadLetters`, `deadLetters` and
 * `prepare`, and to every other call as a whole, not counting look-ups of queue URLs.
 */
export class SqsJobQueue<Job> implements JobQueue<Job> {
  readonly #options: SqsJobQueueOptions<Job>;
  readonly #calls: SqsCalls;
  readonly #setUp: SqsSetUp;
  readonly #jobs: SqsQueueAddress;
  readonly #deadLetterAddress: SqsQueueAddress;
  readonly #deadLetters: SqsDeadLetters;
  readonly #sends: SqsBatches<SentJob>;
  #settlements: SqsSettlements | null = null;

  constructor(options: SqsJobQueueOptions<Job>) {
    const { name, deadLetterName, create } = options;
    this.#options = options;
    this.#calls = new SqsCalls(options);
    this.#setUp = new SqsSetUp(this.#calls, options);
    const makeJobs = (): Promise<string> => this.#setUp.makeJobs();
    const makeDeadLetters = (): Promise<string> => this.#setUp.makeDeadLetters();
    this.#jobs = new SqsQueueAddress(this.#calls, name, create ? makeJobs : null);
    this.#deadLetterAddress = new SqsQueueAddress(
      this.#calls,
      deadLetterName,
      create ? makeDeadLetters : null,
    );
    this.#deadLetters = new SqsDeadLetters(this.#calls, this.#deadLetterAddress);
    // Jobs are batched only within one turn of the event loop, because clients wait for the copies.
    this.#sends = new SqsBatches({
      lingerMs: 0,
      bytesOf: ({ MessageBody }) => Buffer.byteLength(MessageBody),
      send: (jobs) => this.#send(jobs),
    });
  }

  async enqueue(job: Job, options: EnqueueOptions = {}): Promise<void> {
    const MessageBody = this.#options.serialize(job);
    const DelaySeconds = clamp(options.delaySeconds ?? 0, 0, LONGEST_DELAY_SECONDS);
    await this.#sends.send(DelaySeconds === 0 ? { MessageBody } : { MessageBody, DelaySeconds }, options);
  }

  async receive(options: ReceiveOptions): Promise<readonly Delivery[]> {
    const waitSeconds = clamp(options.waitSeconds, 0, LONGEST_WAIT_SECONDS);
    const limits = { signal: options.signal, waitMs: waitSeconds * 1_000 };
    const what = `ReceiveMessage of ${this.#jobs.name}`;
    return this.#calls.within(what, limits, (client, abortSignal) =>
      this.#jobs.with(async (url) => {
        const { Messages } = await client.send(
          new ReceiveMessageCommand({
            QueueUrl: url,
            MaxNumberOfMessages: clamp(options.max, 1, MOST_MESSAGES),
            WaitTimeSeconds: waitSeconds,
            VisibilityTimeout: Math.min(this.#options.visibilityTimeoutSeconds, FIRST_VISIBILITY_SECONDS),
            MessageSystemAttributeNames: ['SentTimestamp', 'ApproximateReceiveCount'],
          }),
          { abortSignal },
        );
        const context = { settlements: this.#settlementsAt(url), deadLetters: this.#deadLetters };
        return (Messages ?? []).map((message) => new SqsDelivery(message, context));
      }),
    );
  }

  async depth(options: QueueCallOptions = {}): Promise<QueueDepth> {
    const [jobs, deadLetters] = await Promise.all([
      this.#count(this.#jobs, options),
      this.#count(this.#deadLetterAddress, options),
    ]);
    return { ...jobs, deadLetters: deadLetters.waiting + deadLetters.inFlight };
  }

  async purge(options: QueueCallOptions = {}): Promise<void> {
    await this.#purge(this.#jobs, options);
  }

  async deadLetters(max: number, options: QueueCallOptions = {}): Promise<readonly DeadLetter[]> {
    return this.#deadLetters.look(max, options);
  }

  async redriveDeadLetters(options: QueueCallOptions = {}): Promise<number> {
    return this.#deadLetters.redriveTo(this.#jobs, options);
  }

  async purgeDeadLetters(options: QueueCallOptions = {}): Promise<void> {
    await this.#purge(this.#deadLetterAddress, options);
  }

  async prepare(options: QueueCallOptions = {}): Promise<readonly string[]> {
    return this.#setUp.prepare(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#calls[Symbol.dispose]();
  }

  #send(jobs: readonly SentJob[]): Promise<readonly (QueueError | null)[]> {
    const what = `SendMessage to ${this.#jobs.name}`;
    return this.#calls.within(what, {}, (client, abortSignal) =>
      this.#jobs.with(async (QueueUrl) => {
        const [only] = jobs;
        if (only !== undefined && jobs.length === 1) {
          await client.send(new SendMessageCommand({ QueueUrl, ...only }), { abortSignal });
          return [];
        }
        const Entries = jobs.map((job, index) => ({ Id: String(index), ...job }));
        const answer = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }), { abortSignal });
        return entryFailures(what, jobs.length, answer);
      }),
    );
  }

  /** Receipts are valid only for the queue that issued them, and a recreated queue may have another URL. */
  #settlementsAt(url: string): SqsSettlements {
    if (this.#settlements?.url !== url) this.#settlements = new SqsSettlements(this.#calls, url);
    return this.#settlements;
  }

  async #purge(address: SqsQueueAddress, options: QueueCallOptions): Promise<void> {
    await this.#calls.within(`PurgeQueue ${address.name}`, options, (client, abortSignal) =>
      address.with((QueueUrl) => client.send(new PurgeQueueCommand({ QueueUrl }), { abortSignal })),
    );
  }

  async #count(
    address: SqsQueueAddress,
    options: QueueCallOptions,
  ): Promise<{ waiting: number; inFlight: number }> {
    const what = `GetQueueAttributes of ${address.name}`;
    const { Attributes = {} } = await this.#calls.within(what, options, (client, abortSignal) =>
      address.with((QueueUrl) =>
        client.send(
          new GetQueueAttributesCommand({
            QueueUrl,
            AttributeNames: [
              'ApproximateNumberOfMessages',
              'ApproximateNumberOfMessagesDelayed',
              'ApproximateNumberOfMessagesNotVisible',
            ],
          }),
          { abortSignal },
        ),
      ),
    );
    return {
      waiting:
        Number(Attributes.ApproximateNumberOfMessages ?? 0) +
        Number(Attributes.ApproximateNumberOfMessagesDelayed ?? 0),
      inFlight: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
    };
  }
}

/** SQS requires integers, and refuses those out of range. */
function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(Math.floor(value), most));
}
