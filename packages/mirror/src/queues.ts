import { backendName, serializeJob, type Job } from '@cloud-mirror/mirrored-objects';
import { MemoryJobQueue } from '@cloud-mirror/job-queue';
import type { JobQueue } from '@cloud-mirror/job-queue';
import { breakerLog } from './breakers/breaker-log.ts';
import { GuardedJobQueue } from './breakers/guarded-job-queue.ts';
import type { PartsConfig } from './program-schemas.ts';
import type { Logger } from '@cloud-mirror/program';
import { queueName } from './queue-name.ts';

/** Opens the queue of one back end. The first queue of SQS loads the SDK. */
export async function openQueue(
  { queue }: PartsConfig,
  { service, region }: { readonly service: string; readonly region: string },
  logger: Logger,
): Promise<JobQueue<Job>> {
  const { maxReceiveCount, visibilityTimeoutSeconds } = queue;
  switch (queue.kind) {
    case 'memory':
      return new MemoryJobQueue({ serialize: serializeJob, maxReceiveCount, visibilityTimeoutSeconds });
    case 'sqs': {
      const { SqsJobQueue } = await import('@cloud-mirror/job-queue/sqs');
      const name = queueName(queue.name, service, region);
      const sqs = new SqsJobQueue({
        serialize: serializeJob,
        name,
        deadLetterName: name + queue.deadLetterSuffix,
        region: queue.region,
        endpoint: queue.endpoint,
        maxReceiveCount,
        visibilityTimeoutSeconds,
        requestTimeoutMs: queue.requestTimeoutMs,
        create: queue.create,
      });
      const backend = backendName(service, region);
      return new GuardedJobQueue(sqs, { onChange: breakerLog(logger, { part: 'queue', backend }) });
    }
  }
}
