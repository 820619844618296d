import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import type { QueueAttributeName } from '@aws-sdk/client-sqs';
import { QueueError } from '../job-queue.ts';
import type { QueueCallOptions } from '../job-queue.ts';
import type { SqsCalls } from './sqs-calls.ts';
import { isExistingQueue } from './sqs-errors.ts';
import { SqsQueueAddress } from './sqs-queue-address.ts';

export interface SqsQueueNames {
  readonly name: string;
  readonly deadLetterName: string;
  /** Deliveries of a job before SQS moves it to the dead letters. */
  readonly maxReceiveCount: number;
  readonly visibilityTimeoutSeconds: number;
}

type Attributes = Partial<Record<QueueAttributeName, string>>;

const DAY_SECONDS = 86_400;
/**
 * The age of a dead letter counts from when the job was sent, so the retention of dead letters must be longer than that
 * of jobs. It is the longest that SQS allows
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html).
 */
const JOB_RETENTION = String(4 * DAY_SECONDS);
const DEAD_LETTER_RETENTION = String(14 * DAY_SECONDS);

/** Creates the queue and its dead-letter queue, and sets the redrive policy of the queue. */
export class SqsSetUp {
  readonly #calls: SqsCalls;
  readonly #names: SqsQueueNames;

  constructor(calls: SqsCalls, names: SqsQueueNames) {
    this.#calls = calls;
    this.#names = names;
  }

  /** @returns one line for each change */
  async prepare(options: QueueCallOptions = {}): Promise<readonly string[]> {
    const lines: string[] = [];
    const deadLetters = await this.makeDeadLetters(options, lines);
    await this.#makeJobs(deadLetters, options, lines);
    return lines;
  }

  /** Creates the job queue if it is missing. @returns its URL */
  async makeJobs(options: QueueCallOptions = {}): Promise<string> {
    const lines: string[] = [];
    return this.#makeJobs(await this.makeDeadLetters(options, lines), options, lines);
  }

  /** Creates the dead-letter queue if it is missing. @returns its URL */
  async makeDeadLetters(options: QueueCallOptions = {}, lines: string[] = []): Promise<string> {
    const attributes = { MessageRetentionPeriod: DEAD_LETTER_RETENTION };
    return (await this.#make(this.#names.deadLetterName, attributes, options, lines)).url;
  }

  async #makeJobs(deadLetterUrl: string, options: QueueCallOptions, lines: string[]): Promise<string> {
    const { name, maxReceiveCount, visibilityTimeoutSeconds } = this.#names;
    const { QueueArn: deadLetterTargetArn } = await this.#attributes(deadLetterUrl, ['QueueArn'], options);
    if (deadLetterTargetArn === undefined)
      throw new QueueError('queue_unavailable', `the queue ${this.#names.deadLetterName} has no ARN`);
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount });
    const { url, made } = await this.#make(
      name,
      {
        MessageRetentionPeriod: JOB_RETENTION,
        VisibilityTimeout: String(visibilityTimeoutSeconds),
        ReceiveMessageWaitTimeSeconds: '20',
        RedrivePolicy,
      },
      options,
      lines,
    );
    if (!made) await this.#correctRedrivePolicy(url, RedrivePolicy, options, lines);
    return url;
  }

  async #make(
    name: string,
    attributes: Attributes,
    options: QueueCallOptions,
    lines: string[],
  ): Promise<{ url: string; made: boolean }> {
    const address = new SqsQueueAddress(this.#calls, name, null);
    const existing = await address.find(options);
    if (existing !== null) return { url: existing, made: false };
    try {
      const { QueueUrl } = await this.#calls.within(`CreateQueue ${name}`, options, (client, abortSignal) =>
        client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }), { abortSignal }),
      );
      if (QueueUrl === undefined)
        throw new QueueError('queue_unavailable', `CreateQueue ${name} returned no URL`);
      lines.push(`made the queue ${name}`);
      return { url: QueueUrl, made: true };
    } catch (error) {
      if (!(error instanceof QueueError) || !isExistingQueue(error.cause)) throw error;
      return { url: await address.url(), made: false };
    }
  }

  /** An existing queue may have no redrive policy, another dead-letter queue or another `maxReceiveCount`. */
  async #correctRedrivePolicy(
    url: string,
    RedrivePolicy: string,
    options: QueueCallOptions,
    lines: string[],
  ): Promise<void> {
    const { RedrivePolicy: current } = await this.#attributes(url, ['RedrivePolicy'], options);
    if (current !== undefined && samePolicy(current, RedrivePolicy)) return;
    const what = `SetQueueAttributes of ${this.#names.name}`;
    await this.#calls.within(what, options, (client, abortSignal) =>
      client.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { RedrivePolicy } }), {
        abortSignal,
      }),
    );
    lines.push(
      `set the dead letters of ${this.#names.name} to ${this.#names.deadLetterName} after ${this.#names.maxReceiveCount} deliveries`,
    );
  }

  async #attributes(
    url: string,
    names: QueueAttributeName[],
    options: QueueCallOptions,
  ): Promise<Attributes> {
    const { Attributes: attributes } = await this.#calls.within(
      'GetQueueAttributes',
      options,
      (client, abortSignal) =>
        client.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: names }), { abortSignal }),
    );
    return attributes ?? {};
  }
}

function samePolicy(one: string, other: string): boolean {
  const [first, second] = [one, other].map((policy) => {
    const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(policy) as Record<string, unknown>;
    // SQS returns the count as a number or a string, depending on how it was set.
    return `${String(deadLetterTargetArn)} ${String(maxReceiveCount)}`;
  });
  return first === second;
}
