import type { QueueCallOptions, QueueError } from '../job-queue.ts';

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html */
const MOST_ENTRIES = 10;
/** Limit for all bodies of a batch together. SQS now allows four times as many; compatible servers may not. */
const MOST_BYTES = 262_144;

export interface SqsBatchesOptions<Item> {
  /** How long an item may wait for others, in milliseconds. 0 means until the end of this turn of the event loop. */
  readonly lingerMs: number;
  /** The item's share of the batch size. */
  readonly bytesOf: (item: Item) => number;
  /**
   * Sends up to ten items in one call.
   * @returns for each item the error, or `null` if the queue accepted it. Rejects if the whole call failed
   */
  readonly send: (items: readonly Item[]) => Promise<readonly (QueueError | null)[]>;
}

interface PendingItem<Item> {
  readonly item: Item;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Batches calls of one kind, because SQS bills and answers ten of them as one. Each caller gets the result of its own
 * item; if the whole call fails, all of them do.
 */
export class SqsBatches<Item> {
  readonly #options: SqsBatchesOptions<Item>;
  #waiting: PendingItem<Item>[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | NodeJS.Immediate | null = null;

  constructor(options: SqsBatchesOptions<Item>) {
    this.#options = options;
  }

  /**
   * Resolves once the queue has accepted `item`. If `signal` is aborted, rejects, and does not send an item that is
   * still waiting.
   * @throws QueueError
   */
  send(item: Item, { signal }: QueueCallOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const settled = (): void => signal?.removeEventListener('abort', onAbort);
      const pending: PendingItem<Item> = {
        item,
        resolve: () => {
          settled();
          resolve();
        },
        reject: (reason) => {
          settled();
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
          reject(reason);
        },
      };
      const onAbort = (): void => {
        this.#withdraw(pending);
        pending.reject(signal?.reason);
      };
      if (signal?.aborted === true) return onAbort();
      signal?.addEventListener('abort', onAbort);
      this.#add(pending);
    });
  }

  #add(pending: PendingItem<Item>): void {
    const bytes = this.#options.bytesOf(pending.item);
    if (this.#bytes + bytes > MOST_BYTES) this.#flush();
    this.#waiting.push(pending);
    this.#bytes += bytes;
    if (this.#waiting.length === MOST_ENTRIES) return this.#flush();
    const { lingerMs } = this.#options;
    const flush = (): void => this.#flush();
    this.#timer ??= lingerMs === 0 ? setImmediate(flush) : setTimeout(flush, lingerMs);
  }

  #withdraw(pending: PendingItem<Item>): void {
    const index = this.#waiting.indexOf(pending);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    this.#bytes -= this.#options.bytesOf(pending.item);
  }

  #flush(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    const batch = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    if (batch.length === 0) return;
    this.#options.send(batch.map(({ item }) => item)).then(
      (failures) =>
        batch.forEach(({ resolve, reject }, index) => {
          const failure = failures[index] ?? null;
          if (failure === null) resolve();
          else reject(failure);
        }),
      (error: unknown) => batch.forEach(({ reject }) => reject(error)),
    );
  }
}
