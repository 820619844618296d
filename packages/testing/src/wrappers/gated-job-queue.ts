import type {
  DeadLetter,
  Delivery,
  JobQueue,
  QueueCallOptions,
  QueueDepth,
  ReceiveOptions,
} from '@cloud-mirror/job-queue';
import type { Job } from '@cloud-mirror/mirrored-objects';
import type { CallGate } from './call-gate.ts';
import { GatedDelivery } from './gated-delivery.ts';

/**
 * A JobQueue whose calls to enqueue and receive, and whose deliveries, go through a gate. The subject of `enqueue` is the
 * token of the job.
 */
export class GatedJobQueue implements JobQueue<Job> {
  /** Changes the body of a received message. */
  garble = (body: string): string => body;
  readonly #inner: JobQueue<Job>;
  readonly #gate: CallGate;
  readonly #part: string;

  constructor(inner: JobQueue<Job>, gate: CallGate, part: string) {
    this.#inner = inner;
    this.#gate = gate;
    this.#part = part;
  }

  enqueue(job: Job, options?: QueueCallOptions): Promise<void> {
    const call = { part: this.#part, method: 'enqueue', subject: job.token, options: job };
    return this.#gate.run(call, () => this.#inner.enqueue(job, options));
  }

  async receive(options: ReceiveOptions): Promise<readonly Delivery[]> {
    const call = { part: this.#part, method: 'receive', subject: '', options };
    const deliveries = await this.#gate.run(call, () => this.#inner.receive(options));
    return deliveries.map(
      (delivery) => new GatedDelivery(delivery, this.#gate, this.#part, this.garble(delivery.body)),
    );
  }

  depth(options?: QueueCallOptions): Promise<QueueDepth> {
    return this.#inner.depth(options);
  }

  purge(options?: QueueCallOptions): Promise<void> {
    return this.#inner.purge(options);
  }

  deadLetters(max: number, options?: QueueCallOptions): Promise<readonly DeadLetter[]> {
    return this.#inner.deadLetters(max, options);
  }

  redriveDeadLetters(options?: QueueCallOptions): Promise<number> {
    return this.#inner.redriveDeadLetters(options);
  }

  purgeDeadLetters(options?: QueueCallOptions): Promise<void> {
    return this.#inner.purgeDeadLetters(options);
  }

  prepare(options?: QueueCallOptions): Promise<readonly string[]> {
    return this.#inner.prepare(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }
}
