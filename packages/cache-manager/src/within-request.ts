import { EntryStoreError } from '@cloud-mirror/entry-store';
import { settleWithin } from '@cloud-mirror/waiting';
import { LAST_LOOK_MS, lookMs, type Progress } from './request-progress.ts';

const LATE = Symbol('late');

/**
 * Waits for a call to the entry store within the time of the request, which may be less than the entry store's own limit.
 * @throws EntryStoreError when that time is over
 */
export async function withinRequest<T>(progress: Progress, call: Promise<T>): Promise<T> {
  const limit = Math.max(LAST_LOOK_MS, lookMs(progress));
  const answer = await settleWithin<T, typeof LATE>(call, limit, LATE);
  if (answer === LATE) throw new EntryStoreError('no answer within the time of the request');
  return answer;
}
