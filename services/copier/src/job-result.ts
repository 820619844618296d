import { InternalError } from '@cloud-mirror/cache-manager';
import type { Copy } from '@cloud-mirror/mirrored-objects';

/** Set if the outcome could not be recorded in the entry store: the delay after which the job is delivered again. */
interface MaybeUnrecorded {
  readonly againSeconds?: number;
}

/** How one delivery ended. */
export type JobResult =
  | ({ readonly outcome: 'copied'; readonly copy: Copy; readonly present: boolean } & MaybeUnrecorded)
  | ({ readonly outcome: 'already_there' } & MaybeUnrecorded)
  /** Another worker is copying the object and this is the last delivery. Nothing failed, so it is no dead letter. */
  | { readonly outcome: 'left_to_another' }
  /** Another worker is copying the object, this version does not understand the job, or this process stops. */
  | { readonly outcome: 'given_back'; readonly why: string; readonly delaySeconds: number }
  | { readonly outcome: 'will_retry'; readonly error: Error; readonly delaySeconds: number }
  | ({ readonly outcome: 'failed'; readonly error: Error } & MaybeUnrecorded)
  | { readonly outcome: 'dead_letter'; readonly error: Error }
  /** Not signed by a front end of this mirror, so nothing of it was done. It is a dead letter. */
  | { readonly outcome: 'refused'; readonly error: Error };

/**
 * The outcome in logs and metrics. A defect of this program is reported as `internal_error`, whatever happens to the
 * job, because the other outcomes would blame the origin or a part.
 */
export function reportedOutcome(result: JobResult): JobResult['outcome'] | 'internal_error' {
  const isInternal = 'error' in result && result.error instanceof InternalError;
  return isInternal ? 'internal_error' : result.outcome;
}

/** An outcome that is recorded in the entry store. */
export type CopyEnd = Extract<JobResult, { outcome: 'copied' | 'already_there' | 'failed' }>;
