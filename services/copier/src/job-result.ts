import { InternalError } from '@cloud-mirror/cache-manager';
import type { Copy } from '@cloud-mirror/mirrored-objects';

/** The entry store could not be told how it ended: the job comes again after so long to tell it. */
interface Untold {
  readonly againSeconds?: number;
}

/** How one delivery ended. */
export type JobResult =
  | ({ readonly outcome: 'copied'; readonly copy: Copy; readonly present: boolean } & Untold)
  | ({ readonly outcome: 'already_there' } & Untold)
  /** Somebody else is at it and this was the last delivery: nothing is wrong that a dead letter would tell. */
  | { readonly outcome: 'left_to_another' }
  /** Somebody else is at it, or nobody here knows what it is, or this process stops. */
  | { readonly outcome: 'given_back'; readonly why: string; readonly delaySeconds: number }
  | { readonly outcome: 'will_retry'; readonly error: Error; readonly delaySeconds: number }
  | ({ readonly outcome: 'failed'; readonly error: Error } & Untold)
  | { readonly outcome: 'dead_letter'; readonly error: Error };

/**
 * The outcome as logs and metrics tell it. A defect of this program is told as such, whatever becomes of its job: the parts
 * that the other words suggest have nothing to do with it.
 */
export function toldOutcome(result: JobResult): JobResult['outcome'] | 'internal_error' {
  const isInternal = 'error' in result && result.error instanceof InternalError;
  return isInternal ? 'internal_error' : result.outcome;
}

/** An end that the entry store is told of. */
export type CopyEnd = Extract<JobResult, { outcome: 'copied' | 'already_there' | 'failed' }>;
