import { AroundJobQueue, QueueError, type JobQueue } from '@cloud-mirror/job-queue';
import type { Job } from '@cloud-mirror/mirrored-objects';
import { PartBreaker, type PartBreakerOptions } from './part-breaker.ts';

/**
 * A queue that gets no jobs while it does not answer, so that clients are redirected to the origin at once. All other
 * calls are made.
 */
export class GuardedJobQueue extends AroundJobQueue<Job> {
  constructor(queue: JobQueue<Job>, options: Pick<PartBreakerOptions, 'failures' | 'retryMs' | 'onChange'>) {
    const breaker = new PartBreaker({
      ...options,
      isSilence: (error) => error instanceof QueueError && error.code === 'queue_unavailable',
      refusal: () => new QueueError('queue_unavailable', 'the queue did not answer lately: not asked now'),
    });
    super(queue, ({ method }, work) => (method === 'enqueue' ? breaker.call(work) : work()));
  }
}
