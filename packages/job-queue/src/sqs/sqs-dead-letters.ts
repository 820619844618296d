import { createHash } from 'node:crypto';
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import type { Message } from '@aws-sdk/client-sqs';
import { QueueError } from '../job-queue.ts';
import type { DeadLetter, Delivery, QueueCallOptions } from '../job-queue.ts';
import type { SqsCalls } from './sqs-calls.ts';
import type { SqsQueueAddress } from './sqs-queue-address.ts';

/** Message attributes of a dead letter that this program sent. Letters that SQS moved itself do not have them. */
const REASON = 'reason';
const RECEIVE_COUNT = 'receive-count';
const MAX_REASON_LENGTH = 1_000;

/** Visibility timeout of the letters while they are collected. They become visible again if this process dies. */
const HIDDEN_SECONDS = 30;
const BATCH = 10;
/** A long poll queries all servers of SQS. A short poll queries a sample, and may miss messages. */
const WAIT_SECONDS = 1;

/** Reads, redrives and adds messages of a dead-letter queue. */
export class SqsDeadLetters {
  readonly #calls: SqsCalls;
  readonly #address: SqsQueueAddress;

  constructor(calls: SqsCalls, address: SqsQueueAddress) {
    this.#calls = calls;
    this.#address = address;
  }

  async add(delivery: Delivery, reason: string, options: QueueCallOptions): Promise<void> {
    await this.#address.with((QueueUrl) =>
      this.#calls.within('SendMessage to the dead letters', options, (client, abortSignal) =>
        client.send(
          new SendMessageCommand({
            QueueUrl,
            MessageBody: delivery.body,
            MessageAttributes: {
              [REASON]: { DataType: 'String', StringValue: sendableText(reason) },
              [RECEIVE_COUNT]: { DataType: 'Number', StringValue: String(delivery.receiveCount) },
            },
          }),
          { abortSignal },
        ),
      ),
    );
  }

  /** Hides the letters while it collects them, so that none is returned twice, and shows them again at the end. */
  async look(max: number, options: QueueCallOptions): Promise<readonly DeadLetter[]> {
    const collected: Message[] = [];
    // Stops before the visibility timeout of the first letters ends.
    const until = performance.now() + (HIDDEN_SECONDS / 2) * 1_000;
    try {
      while (collected.length < max && performance.now() < until) {
        const messages = await this.#receive(Math.min(BATCH, max - collected.length), options);
        if (messages.length === 0) break;
        collected.push(...messages);
      }
    } finally {
      // Even if the caller aborted. If this fails, the letters stay hidden until their visibility timeout ends.
      await this.#show(collected).catch(() => undefined);
    }
    return collected.map(deadLetterOf);
  }

  /**
   * Sends each letter to `queue`, then deletes it. A letter that is received twice failed again meanwhile, or is a
   * duplicate, and stays. Does not use StartMessageMoveTask, because not every server supports it, it does not report
   * how many messages it moved, and it is asynchronous.
   *
   * @returns how many letters were sent
   */
  async redriveTo(queue: SqsQueueAddress, options: QueueCallOptions): Promise<number> {
    const moved = new Set<string>();
    const repeated: Message[] = [];
    let count = 0;
    try {
      for (;;) {
        const messages = await this.#receive(BATCH, options);
        const fresh = messages.filter((message) => !moved.has(identityOf(message)));
        repeated.push(...messages.filter((message) => !fresh.includes(message)));
        if (fresh.length === 0) return count;
        count += await this.#move(fresh, queue, options);
        for (const message of fresh) moved.add(identityOf(message));
      }
    } finally {
      await this.#show(repeated).catch(() => undefined);
    }
  }

  async #move(
    messages: readonly Message[],
    queue: SqsQueueAddress,
    options: QueueCallOptions,
  ): Promise<number> {
    const sent = await queue.with((QueueUrl) =>
      this.#calls.within('SendMessageBatch', options, (client, abortSignal) =>
        client.send(
          new SendMessageBatchCommand({
            QueueUrl,
            Entries: messages.map(({ Body }, index) => ({ Id: String(index), MessageBody: Body })),
          }),
          { abortSignal },
        ),
      ),
    );
    const done = (sent.Successful ?? []).flatMap(({ Id }) => messages[Number(Id)] ?? []);
    if (done.length > 0) await this.#delete(done, options);
    const [failure] = sent.Failed ?? [];
    if (failure !== undefined)
      throw new QueueError('queue_unavailable', `SQS did not accept a message: ${failure.Code ?? 'unknown'}`);
    return done.length;
  }

  async #receive(max: number, options: QueueCallOptions): Promise<readonly Message[]> {
    const { Messages } = await this.#address.with((QueueUrl) =>
      this.#calls.within(
        'ReceiveMessage of the dead letters',
        { ...options, waitMs: WAIT_SECONDS * 1_000 },
        (client, abortSignal) =>
          client.send(
            new ReceiveMessageCommand({
              QueueUrl,
              MaxNumberOfMessages: max,
              WaitTimeSeconds: WAIT_SECONDS,
              VisibilityTimeout: HIDDEN_SECONDS,
              MessageSystemAttributeNames: ['SentTimestamp', 'ApproximateReceiveCount'],
              MessageAttributeNames: [REASON, RECEIVE_COUNT],
            }),
            { abortSignal },
          ),
      ),
    );
    return Messages ?? [];
  }

  async #delete(messages: readonly Message[], options: QueueCallOptions): Promise<void> {
    const QueueUrl = await this.#address.url();
    await this.#calls.within('DeleteMessageBatch', options, (client, abortSignal) =>
      client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: messages.map(receiptOf) }), {
        abortSignal,
      }),
    );
  }

  async #show(messages: readonly Message[]): Promise<void> {
    for (let first = 0; first < messages.length; first += BATCH) {
      const Entries = messages
        .slice(first, first + BATCH)
        .map((message, index) => ({ ...receiptOf(message, index), VisibilityTimeout: 0 }));
      const QueueUrl = await this.#address.url();
      await this.#calls.within('ChangeMessageVisibilityBatch', {}, (client, abortSignal) =>
        client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }), { abortSignal }),
      );
    }
  }
}

function receiptOf({ ReceiptHandle }: Message, index: number): { Id: string; ReceiptHandle: string } {
  return { Id: String(index), ReceiptHandle: ReceiptHandle ?? '' };
}

function identityOf({ Body }: Message): string {
  return createHash('sha256')
    .update(Body ?? '')
    .digest('base64');
}

function deadLetterOf(message: Message): DeadLetter {
  const attributes = message.MessageAttributes ?? {};
  return {
    id: message.MessageId ?? '',
    body: message.Body ?? '',
    sentAt: new Date(Number(message.Attributes?.SentTimestamp ?? Date.now())),
    receiveCount:
      Number(attributes[RECEIVE_COUNT]?.StringValue ?? 0) +
      Number(message.Attributes?.ApproximateReceiveCount ?? 0),
    reason: attributes[REASON]?.StringValue ?? null,
  };
}

/**
 * SQS accepts only the characters of XML 1.0, and no empty value
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
 */
function sendableText(text: string): string {
  const sendable = text
    .slice(0, MAX_REASON_LENGTH)
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd');
  return sendable === '' ? 'no reason given' : sendable;
}
