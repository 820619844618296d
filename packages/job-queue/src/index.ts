export * from './around-job-queue.ts';
export * from './job-queue.ts';
export { MemoryJobQueue, type MemoryJobQueueOptions } from './memory-job-queue.ts';
