import { backendName, JobSignatures, serializeJob, type Job } from '@cloud-mirror/mirrored-objects';
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
  const serialize = jobSerializer(queue);
  switch (queue.kind) {
    case 'memory':
      return new MemoryJobQueue({ serialize, maxReceiveCount, visibilityTimeoutSeconds });
    case 'sqs': {
      const { SqsJobQueue } = await import('@cloud-mirror/job-queue/sqs');
      const name = queueName(queue.name, service, region);
      const sqs = new SqsJobQueue({
        serialize,
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

/** Signatures of jobs; null if the configuration has no key. */
export function jobSignatures({
  signingKey,
}: Pick<PartsConfig['queue'], 'signingKey'>): JobSignatures | null {
  if (signingKey === null) return null;
  const [first, ...others] = typeof signingKey === 'string' ? [signingKey] : signingKey;
  return first === undefined ? null : new JobSignatures([first, ...others]);
}

function jobSerializer(queue: PartsConfig['queue']): (job: Job) => string {
  const signatures = jobSignatures(queue);
  return signatures === null ? serializeJob : (job) => signatures.sign(serializeJob(job));
}
