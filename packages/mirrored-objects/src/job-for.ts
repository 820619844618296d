import type { Job } from './job.ts';
import type { MirroredObject } from './mirrored-object.ts';

/** The job that asks for a copy of `object`. It is dated now. */
export function jobFor(
  object: MirroredObject,
  request: Pick<Job, 'token' | 'generation' | 'requestId'> & Partial<Pick<Job, 'replaces' | 'originBytes'>>,
): Job {
  const { service, region } = object.backend;
  return { v: 1, service, region, url: object.url, ...request, enqueuedAt: new Date().toISOString() };
}
