import type { ChangeWaiter } from './change-waiters.ts';
import type { MirroredObject } from '@cloud-mirror/mirrored-objects';
import type { RedirectRequest } from './redirect.ts';

/**
 * Time from its arrival that even a request which does not want to wait gives the stores, in milliseconds. It is
 * promised an answer within a second, and the answer itself takes some of that.
 */
export const LOOK_MS = 750;
/** What a read or a claim may take at least, however little of its request's time is left when it begins. */
export const LAST_LOOK_MS = 100;

/** What a request has been through so far. */
export interface Progress {
  readonly object: MirroredObject;
  readonly request: RedirectRequest;
  /** It saw that somebody was at it, and wanted to wait. */
  waited: boolean;
  /** Generation of the job that it sent, having won a claim; `null`: it sent none. */
  sentGeneration: string | null;
  revalidated: boolean;
  waiter: ChangeWaiter | null;
  looks: number;
}

export function beginProgress(object: MirroredObject, request: RedirectRequest): Progress {
  return { object, request, waited: false, sentGeneration: null, revalidated: false, waiter: null, looks: 0 };
}

/** What is left of the time that the client wants to wait. */
export function remainingMs({ request }: Progress): number {
  return request.waitMs - elapsedMs(request);
}

/** What all looks of a request together may take from now on, however many parts are slow one after the other. */
export function lookMs({ request }: Progress): number {
  return Math.max(request.waitMs, LOOK_MS) - elapsedMs(request);
}

function elapsedMs({ arrivedAtMs }: RedirectRequest): number {
  return performance.now() - arrivedAtMs;
}
