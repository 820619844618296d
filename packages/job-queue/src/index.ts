export * from './job-queue.ts';
export { MemoryJobQueue, type MemoryJobQueueOptions } from './memory-job-queue.ts';
export { SqsJobQueue, type SqsJobQueueOptions } from './sqs/sqs-job-queue.ts';
