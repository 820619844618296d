import { QueueError } from '../src/job-queue.ts';

/** What the suite sends. A queue knows no more of a job than how to write it. */
export interface TestJob {
  readonly url: string;
  readonly token: string;
}

/** @throws QueueError `queue_rejected` where the URL is none */
export function serializeJob(job: TestJob): string {
  if (!URL.canParse(job.url)) throw new QueueError('queue_rejected', 'this is no job: url: not a URL');
  return JSON.stringify(job);
}

export function parseJob(body: string): { readonly ok: true; readonly job: TestJob } {
  return { ok: true, job: JSON.parse(body) as TestJob };
}
