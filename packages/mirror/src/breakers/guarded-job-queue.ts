import { QueueError } from '@cloud-mirror/job-queue';
import type {
  DeadLetter,
  Delivery,
  JobQueue,
  QueueCallOptions,
  QueueDepth,
  ReceiveOptions,
} from '@cloud-mirror/job-queue';
import type { Job } from '@cloud-mirror/mirrored-objects';
import { PartBreaker, type PartBreakerOptions } from './part-breaker.ts';

/** A queue that gets no jobs while it is silent: clients are led to the origin at once then. All else goes through. */
export class GuardedJobQueue implements JobQueue<Job> {
  readonly #queue: JobQueue<Job>;
  readonly #breaker: PartBreaker;

  constructor(queue: JobQueue<Job>, options: Pick<PartBreakerOptions, 'failures' | 'retryMs' | 'onChange'>) {
    this.#queue = queue;
    this.#breaker = new PartBreaker({
      ...options,
      isSilence: (error) => error instanceof QueueError && error.code === 'queue_unavailable',
      refusal: () => new QueueError('queue_unavailable', 'the queue did not answer lately: not asked now'),
    });
  }

  enqueue(job: Job, options?: QueueCallOptions): Promise<void> {
    return this.#breaker.call(() => this.#queue.enqueue(job, options));
  }

  receive(options: ReceiveOptions): Promise<readonly Delivery[]> {
    return this.#queue.receive(options);
  }

  depth(options?: QueueCallOptions): Promise<QueueDepth> {
    return this.#queue.depth(options);
  }

  purge(options?: QueueCallOptions): Promise<void> {
    return this.#queue.purge(options);
  }

  deadLetters(max: number, options?: QueueCallOptions): Promise<readonly DeadLetter[]> {
    return this.#queue.deadLetters(max, options);
  }

  redriveDeadLetters(options?: QueueCallOptions): Promise<number> {
    return this.#queue.redriveDeadLetters(options);
  }

  purgeDeadLetters(options?: QueueCallOptions): Promise<void> {
    return this.#queue.purgeDeadLetters(options);
  }

  prepare(options?: QueueCallOptions): Promise<readonly string[]> {
    return this.#queue.prepare(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue[Symbol.asyncDispose]();
  }
}
