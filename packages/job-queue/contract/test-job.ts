import { QueueError } from '../src/job-queue.ts';

/** The job of the suite. A queue knows only how to serialize a job. */
export interface TestJob {
  readonly url: string;
  readonly token: string;
}

/** @throws QueueError `queue_rejected` if the URL is invalid */
export function serializeJob(job: TestJob): string {
  if (!URL.canParse(job.url)) throw new QueueError('queue_rejected', 'not a valid job: url: not a URL');
  return JSON.stringify(job);
}

export function parseJob(body: string): { readonly ok: true; readonly job: TestJob } {
  return { ok: true, job: JSON.parse(body) as TestJob };
}
