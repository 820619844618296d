import { AroundJobQueue, QueueError, type JobQueue } from '@cloud-mirror/job-queue';
import type { Job } from '@cloud-mirror/mirrored-objects';
import { PartBreaker, type PartBreakerOptions } from './part-breaker.ts';

/**
 * A job queue with a circuit breaker: while the queue does not respond, `enqueue` fails at once, so that clients are
 * redirected to the origin without delay. All other calls are always made.
 */
export class GuardedJobQueue extends AroundJobQueue<Job> {
  constructor(queue: JobQueue<Job>, options: Pick<PartBreakerOptions, 'failures' | 'retryMs' | 'onChange'>) {
    const breaker = new PartBreaker({
      ...options,
      isSilence: (error) => error instanceof QueueError && error.code === 'queue_unavailable',
      refusal: () =>
        new QueueError('queue_unavailable', 'the queue is not responding, so this call was not made'),
    });
    super(queue, ({ method }, work) => (method === 'enqueue' ? breaker.call(work) : work()));
  }
}
