import { GetQueueUrlCommand } from '@aws-sdk/client-sqs';
import { QueueError } from '../job-queue.ts';
import type { QueueCallOptions } from '../job-queue.ts';
import type { SqsCalls } from './sqs-calls.ts';
import { queueError } from './sqs-errors.ts';

/**
 * Looks up the URL of a queue by its name: at the first call that needs it, single flight, and again after the queue
 * turned out to be missing.
 */
export class SqsQueueAddress {
  readonly name: string;
  readonly #calls: SqsCalls;
  readonly #make: (() => Promise<string>) | null;
  #url: Promise<string> | null = null;

  /** @param make creates a missing queue and returns its URL; with `null`, a missing queue is an error */
  constructor(calls: SqsCalls, name: string, make: (() => Promise<string>) | null) {
    this.name = name;
    this.#calls = calls;
    this.#make = make;
  }

  /** @throws QueueError `queue_missing` if the queue does not exist and must not be created */
  url(): Promise<string> {
    this.#url ??= this.#lookUp().catch((error: unknown) => {
      this.forget();
      throw error;
    });
    return this.#url;
  }

  /** @returns the queue's URL; `null` if the queue does not exist */
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
   * Runs `use` with the queue's URL. If the queue has been deleted, creates it again and retries once.
   * @throws the error of `use`
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
