import { EntryStoreError } from '@cloud-mirror/entry-store';
import { settleWithin } from '@cloud-mirror/waiting';
import { MIN_CALL_MS, remainingLookUpMs, type Progress } from './request-progress.ts';

const LATE = Symbol('late');

/**
 * Waits for a call to the entry store within the time of the request, which may be less than the entry store's own limit.
 * @throws EntryStoreError when that time is over
 */
export async function withinRequest<T>(progress: Progress, call: Promise<T>): Promise<T> {
  const limit = Math.max(MIN_CALL_MS, remainingLookUpMs(progress));
  const answer = await settleWithin<T, typeof LATE>(call, limit, LATE);
  if (answer === LATE) throw new EntryStoreError('no answer within the time of the request');
  return answer;
}
