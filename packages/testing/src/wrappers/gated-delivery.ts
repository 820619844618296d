import type { Delivery, QueueCallOptions } from '@cloud-mirror/job-queue';
import type { CallGate } from './call-gate.ts';

/** A delivery whose calls go through a gate as calls of its queue. Their subject is the id of the delivery. */
export class GatedDelivery implements Delivery {
  readonly id: string;
  readonly body: string;
  readonly receiveCount: number;
  readonly sentAt: Date;
  readonly #inner: Delivery;
  readonly #gate: CallGate;
  readonly #part: string;

  constructor(inner: Delivery, gate: CallGate, part: string, body: string) {
    ({ id: this.id, receiveCount: this.receiveCount, sentAt: this.sentAt } = inner);
    this.body = body;
    this.#inner = inner;
    this.#gate = gate;
    this.#part = part;
  }

  acknowledge(options?: QueueCallOptions): Promise<void> {
    return this.#through('acknowledge', null, () => this.#inner.acknowledge(options));
  }

  retry(delaySeconds: number, options?: QueueCallOptions): Promise<void> {
    return this.#through('retry', delaySeconds, () => this.#inner.retry(delaySeconds, options));
  }

  extend(seconds: number, options?: QueueCallOptions): Promise<void> {
    return this.#through('extend', seconds, () => this.#inner.extend(seconds, options));
  }

  deadLetter(reason: string, options?: QueueCallOptions): Promise<void> {
    return this.#through('deadLetter', reason, () => this.#inner.deadLetter(reason, options));
  }

  #through(method: string, argument: unknown, work: () => Promise<void>): Promise<void> {
    return this.#gate.run({ part: this.#part, method, subject: this.id, options: argument }, work);
  }
}
