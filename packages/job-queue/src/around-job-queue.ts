import type {
  DeadLetter,
  Delivery,
  EnqueueOptions,
  JobQueue,
  QueueCallOptions,
  QueueDepth,
  ReceiveOptions,
} from './job-queue.ts';

type Method = Exclude<keyof JobQueue<unknown>, symbol>;

/** One call of a JobQueue. */
export type JobQueueCall<Job> = {
  [M in Method]: { readonly method: M; readonly args: Parameters<JobQueue<Job>[M]> };
}[Method];

/** Runs before, after or instead of a call; `work` makes the call. */
export type AroundQueueCall<Job> = <T>(call: JobQueueCall<Job>, work: () => Promise<T>) => Promise<T>;

/**
 * A JobQueue that passes every call to another one through one function: for circuit breakers, tracing, and faults in
 * tests. What is done with a delivery goes through {@link AroundDelivery}, if a subclass wraps it.
 */
export class AroundJobQueue<Job> implements JobQueue<Job> {
  readonly #inner: JobQueue<Job>;
  readonly #around: AroundQueueCall<Job>;

  constructor(inner: JobQueue<Job>, around: AroundQueueCall<Job>) {
    this.#inner = inner;
    this.#around = around;
  }

  enqueue(job: Job, options?: EnqueueOptions): Promise<void> {
    return this.#around({ method: 'enqueue', args: [job, options] }, () => this.#inner.enqueue(job, options));
  }

  receive(options: ReceiveOptions): Promise<readonly Delivery[]> {
    return this.#around({ method: 'receive', args: [options] }, () => this.#inner.receive(options));
  }

  depth(options?: QueueCallOptions): Promise<QueueDepth> {
    return this.#around({ method: 'depth', args: [options] }, () => this.#inner.depth(options));
  }

  purge(options?: QueueCallOptions): Promise<void> {
    return this.#around({ method: 'purge', args: [options] }, () => this.#inner.purge(options));
  }

  deadLetters(max: number, options?: QueueCallOptions): Promise<readonly DeadLetter[]> {
    return this.#around({ method: 'deadLetters', args: [max, options] }, () =>
      this.#inner.deadLetters(max, options),
    );
  }

  redriveDeadLetters(options?: QueueCallOptions): Promise<number> {
    return this.#around({ method: 'redriveDeadLetters', args: [options] }, () =>
      this.#inner.redriveDeadLetters(options),
    );
  }

  purgeDeadLetters(options?: QueueCallOptions): Promise<void> {
    return this.#around({ method: 'purgeDeadLetters', args: [options] }, () =>
      this.#inner.purgeDeadLetters(options),
    );
  }

  prepare(options?: QueueCallOptions): Promise<readonly string[]> {
    return this.#around({ method: 'prepare', args: [options] }, () => this.#inner.prepare(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }
}

type DeliveryMethod = 'acknowledge' | 'retry' | 'extend' | 'deadLetter';

/** One call of a Delivery. */
export type DeliveryCall = {
  [M in DeliveryMethod]: { readonly method: M; readonly args: Parameters<Delivery[M]> };
}[DeliveryMethod];

/** A Delivery that passes every call to another one through one function. */
export class AroundDelivery implements Delivery {
  readonly id: string;
  readonly body: string;
  readonly receiveCount: number;
  readonly sentAt: Date;
  readonly #inner: Delivery;
  readonly #around: (call: DeliveryCall, work: () => Promise<void>) => Promise<void>;

  /** @param body what the queue is said to have delivered */
  constructor(
    inner: Delivery,
    around: (call: DeliveryCall, work: () => Promise<void>) => Promise<void>,
    body = inner.body,
  ) {
    ({ id: this.id, receiveCount: this.receiveCount, sentAt: this.sentAt } = inner);
    this.body = body;
    this.#inner = inner;
    this.#around = around;
  }

  acknowledge(options?: QueueCallOptions): Promise<void> {
    return this.#around({ method: 'acknowledge', args: [options] }, () => this.#inner.acknowledge(options));
  }

  retry(delaySeconds: number, options?: QueueCallOptions): Promise<void> {
    return this.#around({ method: 'retry', args: [delaySeconds, options] }, () =>
      this.#inner.retry(delaySeconds, options),
    );
  }

  extend(seconds: number, options?: QueueCallOptions): Promise<void> {
    return this.#around({ method: 'extend', args: [seconds, options] }, () =>
      this.#inner.extend(seconds, options),
    );
  }

  deadLetter(reason: string, options?: QueueCallOptions): Promise<void> {
    return this.#around({ method: 'deadLetter', args: [reason, options] }, () =>
      this.#inner.deadLetter(reason, options),
    );
  }
}
