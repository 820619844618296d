import { MemoryJobQueue, SqsJobQueue } from '@cloud-mirror/job-queue';
import type { JobQueue } from '@cloud-mirror/job-queue';
import type { Config } from './config-schema.ts';
import { queueName } from './queue-name.ts';

/** The queue of one back end. */
export function openQueue({ queue }: Config, service: string, region: string): JobQueue {
  const { maxReceiveCount, visibilityTimeoutSeconds } = queue;
  switch (queue.kind) {
    case 'memory':
      return new MemoryJobQueue({ maxReceiveCount, visibilityTimeoutSeconds });
    case 'sqs': {
      const name = queueName(queue.name, service, region);
      return new SqsJobQueue({
        name,
        deadLetterName: name + queue.deadLetterSuffix,
        region: queue.region,
        endpoint: queue.endpoint,
        maxReceiveCount,
        visibilityTimeoutSeconds,
        requestTimeoutMs: queue.requestTimeoutMs,
        create: queue.create,
      });
    }
  }
}
