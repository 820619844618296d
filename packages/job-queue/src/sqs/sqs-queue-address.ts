import { GetQueueUrlCommand } from '@aws-sdk/client-sqs';
import { QueueError } from '../job-queue.ts';
import type { QueueCallOptions } from '../job-queue.ts';
import type { SqsCalls } from './sqs-calls.ts';
import { queueError } from './sqs-errors.ts';

/**
 * The URL of a queue by its name: looked up with the first call that needs it, once for all callers, and forgotten
 * when the queue turns out to be missing.
 */
export class SqsQueueAddress {
  readonly name: string;
  readonly #calls: SqsCalls;
  readonly #make: (() => Promise<string>) | null;
  #url: Promise<string> | null = null;

  /** @param make makes the queue where it is missing, and returns its URL; `null`: a missing queue is an error */
  constructor(calls: SqsCalls, name: string, make: (() => Promise<string>) | null) {
    this.name = name;
    this.#calls = calls;
    this.#make = make;
  }

  /** @throws QueueError `queue_missing` where there is no such queue and none is to be made */
  url(): Promise<string> {
    this.#url ??= this.#lookUp().catch((error: unknown) => {
      this.forget();
      throw error;
    });
    return this.#url;
  }

  /** @returns `null` where there is no such queue */
  async find(options: QueueCallOptions = {}): Promise<string | null> {
    try {
      return await this.#calls.within(`GetQueueUrl of ${this.name}`, options, (client, abortSignal) =>
        client
          .send(new GetQueueUrlCommand({ QueueName: this.name }), { abortSignal })
          .then(({ QueueUrl }) => QueueUrl ?? null),
      );
    } catch (error) {
      if (error instanceof QueueError && error.code === 'queue_missing') return null;
      throw error;
    }
  }

  forget(): void {
    this.#url = null;
  }

  /**
   * Runs `use` with the queue's URL; where the queue is gone by then, once more with a queue made anew.
   * @throws whatever `use` rejects with
   */
  async with<T>(use: (url: string) => Promise<T>): Promise<T> {
    try {
      return await use(await this.url());
    } catch (error) {
      if (queueError(this.name, error).code !== 'queue_missing') throw error;
      this.forget();
      if (this.#make === null) throw error;
      return use(await this.url());
    }
  }

  async #lookUp(): Promise<string> {
    const url = await this.find();
    if (url !== null) return url;
    if (this.#make !== null) return this.#make();
    throw new QueueError('queue_missing', `there is no queue ${this.name}`);
  }
}
