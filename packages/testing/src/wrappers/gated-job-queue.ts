import { AroundDelivery, AroundJobQueue } from '@cloud-mirror/job-queue';
import type { Delivery, JobQueue, ReceiveOptions } from '@cloud-mirror/job-queue';
import type { Job } from '@cloud-mirror/mirrored-objects';
import type { CallGate } from './call-gate.ts';

/**
 * A JobQueue whose calls to enqueue and receive, and whose deliveries, go through a gate. The subject of `enqueue` is the
 * token of the job. Calls of a delivery are calls of its queue; their subject is the id of the delivery.
 */
export class GatedJobQueue extends AroundJobQueue<Job> {
  /** Changes the body of a received message. */
  garble = (body: string): string => body;
  readonly #gate: CallGate;
  readonly #part: string;

  constructor(inner: JobQueue<Job>, gate: CallGate, part: string) {
    super(inner, (call, work) => {
      switch (call.method) {
        case 'enqueue':
          return gate.run(
            { part, method: 'enqueue', subject: call.args[0].token, options: call.args[0] },
            work,
          );
        case 'receive':
          return gate.run({ part, method: 'receive', subject: '', options: call.args[0] }, work);
        default:
          return work();
      }
    });
    this.#gate = gate;
    this.#part = part;
  }

  override async receive(options: ReceiveOptions): Promise<readonly Delivery[]> {
    const deliveries = await super.receive(options);
    return deliveries.map((delivery) => this.#gated(delivery));
  }

  #gated(delivery: Delivery): Delivery {
    const part = this.#part;
    const { id: subject } = delivery;
    return new AroundDelivery(
      delivery,
      ({ method, args }, work) => {
        const options = method === 'acknowledge' ? null : args[0];
        return this.#gate.run({ part, method, subject, options }, work);
      },
      this.garble(delivery.body),
    );
  }
}
