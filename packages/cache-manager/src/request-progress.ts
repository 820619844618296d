import type { ChangeWaiter } from './change-waiters.ts';
import type { BegunCheck } from './revalidations.ts';
import type { MirroredObject } from '@cloud-mirror/mirrored-objects';
import type { RedirectRequest } from './redirect.ts';

/**
 * Time for look-ups from the arrival of a request, in milliseconds, even if the client does not want to wait. Such a client
 * is promised an answer within a second, and sending the answer takes part of that.
 */
export const MIN_LOOK_UP_MS = 750;
/** The least time given to a read or a claim, even if less of the request's time remains. In milliseconds. */
export const MIN_CALL_MS = 100;

/** The state of one request between steps. */
export interface Progress {
  readonly object: MirroredObject;
  readonly request: RedirectRequest;
  /** True once the request has waited for a copy in progress. */
  waited: boolean;
  /** Generation of the job that the request sent after it won a claim; `null` if it sent none. */
  sentGeneration: string | null;
  /** The check that the request makes because the client wants one; `null` if it makes none, or once it has made it. */
  check: BegunCheck | null;
  waiter: ChangeWaiter | null;
  /** The place among the waiting requests; `null` if the request has taken none. */
  place: Disposable | null;
  reads: number;
}

export function beginProgress(object: MirroredObject, request: RedirectRequest): Progress {
  return {
    object,
    request,
    waited: false,
    sentGeneration: null,
    check: null,
    waiter: null,
    place: null,
    reads: 0,
  };
}

/** In whose share a request's places in a {@link SharedPool} are. */
export function holdersOf({ client }: Pick<RedirectRequest, 'client'>): readonly string[] {
  return client === undefined ? [] : [`client ${client}`];
}

/** The remaining part of the client's wait, in milliseconds. */
export function remainingMs({ request }: Progress): number {
  return request.waitMs - elapsedMs(request);
}

/** The remaining time for all look-ups of the request together, in milliseconds, however many parts are slow in a row. */
export function remainingLookUpMs({ request }: Progress): number {
  return Math.max(request.waitMs, MIN_LOOK_UP_MS) - elapsedMs(request);
}

function elapsedMs({ arrivedAtMs }: RedirectRequest): number {
  return performance.now() - arrivedAtMs;
}
