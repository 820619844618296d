import { expect, test } from 'vitest';
import { MemoryJobQueue } from '../src/memory-job-queue.ts';
import { describeJobQueue, receiveOne, serializeJob, someJob } from '@cloud-mirror/job-queue/contract';

describeJobQueue(
  'MemoryJobQueue',
  async (options) => new MemoryJobQueue({ ...options, serialize: serializeJob }),
);

test('MemoryJobQueue refuses jobs beyond maxJobs', async () => {
  await using queue = new MemoryJobQueue({
    serialize: serializeJob,
    maxReceiveCount: 3,
    visibilityTimeoutSeconds: 60,
    maxJobs: 2,
  });
  await queue.enqueue(someJob());
  await queue.enqueue(someJob());
  await expect(queue.enqueue(someJob())).rejects.toMatchObject({ code: 'queue_unavailable' });
  await (await receiveOne(queue)).acknowledge();
  await expect(queue.enqueue(someJob())).resolves.toBeUndefined();
});
