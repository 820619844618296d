export * from './job-queue.ts';
export { MAX_JOB_BYTES, parseJob, serializeJob, type Job, type ParsedJob } from './job.ts';
export { MemoryJobQueue, type MemoryJobQueueOptions } from './memory-job-queue.ts';
export { SqsJobQueue, type SqsJobQueueOptions } from './sqs/sqs-job-queue.ts';
