import type { Message } from '@aws-sdk/client-sqs';
import { QueueError } from '../job-queue.ts';
import type { Delivery, QueueCallOptions } from '../job-queue.ts';
import type { SqsDeadLetters } from './sqs-dead-letters.ts';
import type { SqsSettlements } from './sqs-settlements.ts';

/**
 * The longest time for which a message can be hidden, from its receipt and including all extensions
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html).
 */
const LONGEST_HIDDEN_SECONDS = 43_200;
/** Keeps the job invisible while its dead letter is sent. */
const DEAD_LETTER_SECONDS = 60;

export interface SqsDeliveryContext {
  readonly settlements: SqsSettlements;
  readonly deadLetters: SqsDeadLetters;
}

export class SqsDelivery implements Delivery {
  readonly id: string;
  readonly body: string;
  readonly receiveCount: number;
  readonly sentAt: Date;
  readonly #context: SqsDeliveryContext;
  readonly #receipt: string | undefined;
  readonly #receivedAtMs = performance.now();

  constructor(message: Message, context: SqsDeliveryContext) {
    this.#context = context;
    this.#receipt = message.ReceiptHandle;
    this.id = message.MessageId ?? '';
    this.body = message.Body ?? '';
    this.receiveCount = Number(message.Attributes?.ApproximateReceiveCount ?? 1);
    this.sentAt = new Date(Number(message.Attributes?.SentTimestamp ?? Date.now()));
  }

  async acknowledge(options: QueueCallOptions = {}): Promise<void> {
    await this.#context.settlements.acknowledge(this.#receipt, options);
  }

  async retry(delaySeconds: number, options: QueueCallOptions = {}): Promise<void> {
    await this.#hide(Math.max(0, Math.min(Math.ceil(delaySeconds), this.#remainingSeconds())), options);
  }

  async extend(seconds: number, options: QueueCallOptions = {}): Promise<void> {
    const remaining = this.#remainingSeconds();
    if (remaining <= 0)
      throw new QueueError('delivery_lost', 'SQS can hide a message for 12 hours at most, and they are over');
    await this.#hide(Math.max(1, Math.min(Math.ceil(seconds), remaining)), options);
  }

  async deadLetter(reason: string, options: QueueCallOptions = {}): Promise<void> {
    // Rejects if another worker has the job already: it must not become a dead letter while that worker runs it.
    await this.extend(DEAD_LETTER_SECONDS, options);
    await this.#context.deadLetters.add(this, reason, options);
    await this.acknowledge(options);
  }

  #remainingSeconds(): number {
    return Math.floor(LONGEST_HIDDEN_SECONDS - (performance.now() - this.#receivedAtMs) / 1_000);
  }

  async #hide(seconds: number, options: QueueCallOptions): Promise<void> {
    await this.#context.settlements.hide(this.#receipt, seconds, options);
  }
}
