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
 * Nobody waits for an acknowledgement: copies made one after the other share one as well. A worker that dies meanwhile
 * leaves jobs that come again and find their copies there.
 */
const ACKNOWLEDGE_LINGER_MS = 50;

interface Hiding {
  readonly receipt: string | undefined;
  readonly seconds: number;
}

/** What becomes of the messages that were received at one address: several at once where they come together. */
export class SqsSettlements {
  readonly url: string;
  readonly #calls: SqsCalls;
  readonly #done: SqsBatches<string | undefined>;
  readonly #hidden: SqsBatches<Hiding>;

  constructor(calls: SqsCalls, url: string) {
    this.url = url;
    this.#calls = calls;
    const bytesOf = (): number => 0;
    this.#done = new SqsBatches({
      lingerMs: ACKNOWLEDGE_LINGER_MS,
      bytesOf,
      send: (receipts) => this.#delete(receipts),
    });
    this.#hidden = new SqsBatches({ lingerMs: 0, bytesOf, send: (hidings) => this.#hide(hidings) });
  }

  acknowledge(receipt: string | undefined, options: QueueCallOptions): Promise<void> {
    return this.#done.ask(receipt, options);
  }

  /** Makes the message visible again after `seconds`, a whole number. */
  hide(receipt: string | undefined, seconds: number, options: QueueCallOptions): Promise<void> {
    return this.#hidden.ask({ receipt, seconds }, options);
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

  #hide(hidings: readonly Hiding[]): Promise<readonly (QueueError | null)[]> {
    const QueueUrl = this.url;
    const entries = hidings.map(({ receipt, seconds }) => ({
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
