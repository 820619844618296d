import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
} from '@aws-sdk/client-sqs';
import type { QueueCallOptions, QueueError } from '../job-queue.ts';
import { SqsBatches } from './sqs-batches.ts';
import type { SqsCalls } from './sqs-calls.ts';
import { entryFailures } from './sqs-errors.ts';

/**
 * Nothing waits for an acknowledgement, so those of successive copies are batched. If the worker dies before, the jobs
 * are delivered again and find their copies in the store.
 */
const ACKNOWLEDGE_LINGER_MS = 50;

interface VisibilityChange {
  readonly receipt: string | undefined;
  readonly seconds: number;
}

/** Acknowledges, hides and shows the messages of one queue, in batches where possible. */
export class SqsSettlements {
  readonly url: string;
  readonly #calls: SqsCalls;
  readonly #acknowledgements: SqsBatches<string | undefined>;
  readonly #visibilityChanges: SqsBatches<VisibilityChange>;

  constructor(calls: SqsCalls, url: string) {
    this.url = url;
    this.#calls = calls;
    const bytesOf = (): number => 0;
    this.#acknowledgements = new SqsBatches({
      lingerMs: ACKNOWLEDGE_LINGER_MS,
      bytesOf,
      send: (receipts) => this.#delete(receipts),
    });
    this.#visibilityChanges = new SqsBatches({
      lingerMs: 0,
      bytesOf,
      send: (changes) => this.#changeVisibility(changes),
    });
  }

  acknowledge(receipt: string | undefined, options: QueueCallOptions): Promise<void> {
    return this.#acknowledgements.send(receipt, options);
  }

  /** Makes the message visible again after `seconds`, a whole number. */
  hide(receipt: string | undefined, seconds: number, options: QueueCallOptions): Promise<void> {
    return this.#visibilityChanges.send({ receipt, seconds }, options);
  }

  #delete(receipts: readonly (string | undefined)[]): Promise<readonly (QueueError | null)[]> {
    const QueueUrl = this.url;
    return this.#calls.within('DeleteMessage', {}, async (client, abortSignal) => {
      if (receipts.length === 1) {
        await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: receipts[0] }), {
          abortSignal,
        });
        return [];
      }
      const Entries = receipts.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
      const answer = await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }), { abortSignal });
      return entryFailures('DeleteMessageBatch', receipts.length, answer);
    });
  }

  #changeVisibility(changes: readonly VisibilityChange[]): Promise<readonly (QueueError | null)[]> {
    const QueueUrl = this.url;
    const entries = changes.map(({ receipt, seconds }) => ({
      ReceiptHandle: receipt,
      VisibilityTimeout: seconds,
    }));
    return this.#calls.within('ChangeMessageVisibility', {}, async (client, abortSignal) => {
      const [only] = entries;
      if (only !== undefined && entries.length === 1) {
        await client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ...only }), { abortSignal });
        return [];
      }
      const Entries = entries.map((entry, index) => ({ Id: String(index), ...entry }));
      const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries });
      const answer = await client.send(command, { abortSignal });
      return entryFailures('ChangeMessageVisibilityBatch', entries.length, answer);
    });
  }
}
