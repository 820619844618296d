import type { QueueCallOptions, QueueError } from '../job-queue.ts';

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html */
const MOST_ENTRIES = 10;
/** Of all bodies of a batch. SQS takes four times as many today; servers that speak its protocol may not. */
const MOST_BYTES = 262_144;

export interface SqsBatchesOptions<Item> {
  /** How long an item may wait for others, in milliseconds. 0: to the end of this turn of the event loop. */
  readonly lingerMs: number;
  /** What the item adds to the size of a batch. */
  readonly bytesOf: (item: Item) => number;
  /**
   * Makes one call for up to ten items.
   * @returns for each item why the queue did not take it; `null` where it did. Rejects where the call failed for all
   */
  readonly send: (items: readonly Item[]) => Promise<readonly (QueueError | null)[]>;
}

interface Asked<Item> {
  readonly item: Item;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Gathers calls of one kind that are asked for nearly together, since SQS bills and answers ten of them as one. Each
 * caller hears of its own: the failure of another is not its own, that of the whole call is.
 */
export class SqsBatches<Item> {
  readonly #options: SqsBatchesOptions<Item>;
  #waiting: Asked<Item>[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | NodeJS.Immediate | null = null;

  constructor(options: SqsBatchesOptions<Item>) {
    this.#options = options;
  }

  /**
   * Resolves once the queue has taken `item`. Once `signal` is aborted it rejects, and an item still waiting is not sent.
   * @throws QueueError
   */
  ask(item: Item, { signal }: QueueCallOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const settled = (): void => signal?.removeEventListener('abort', onAbort);
      const asked: Asked<Item> = {
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
        this.#withdraw(asked);
        asked.reject(signal?.reason);
      };
      if (signal?.aborted === true) return onAbort();
      signal?.addEventListener('abort', onAbort);
      this.#add(asked);
    });
  }

  #add(asked: Asked<Item>): void {
    const bytes = this.#options.bytesOf(asked.item);
    if (this.#bytes + bytes > MOST_BYTES) this.#flush();
    this.#waiting.push(asked);
    this.#bytes += bytes;
    if (this.#waiting.length === MOST_ENTRIES) return this.#flush();
    const { lingerMs } = this.#options;
    const flush = (): void => this.#flush();
    this.#timer ??= lingerMs === 0 ? setImmediate(flush) : setTimeout(flush, lingerMs);
  }

  #withdraw(asked: Asked<Item>): void {
    const index = this.#waiting.indexOf(asked);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    this.#bytes -= this.#options.bytesOf(asked.item);
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
