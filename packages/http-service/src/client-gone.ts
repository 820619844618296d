import type { ServerResponse } from 'node:http';
import type { RequestRecord } from './request-context.ts';

/** Outcome, and status in the metrics, of a request whose client closed the connection before it had the whole answer. */
export const CLIENT_GONE = 'client_gone';

/** Outcomes of answers that this server broke off itself: its client was there. */
const BROKEN_OFF: ReadonlySet<string> = new Set(['read_failed', 'client_stalled']);

/**
 * What became of a request, once its response was closed. What a client did not stay for is no answer, whatever was about to
 * be said: Node has 404 for the status of a response that was never begun.
 */
export function endOf<Record extends RequestRecord>(
  response: Pick<ServerResponse, 'writableFinished' | 'statusCode'>,
  record: Record,
): { readonly record: Record; readonly status: number | typeof CLIENT_GONE } {
  if (response.writableFinished || BROKEN_OFF.has(record.outcome ?? ''))
    return { record, status: response.statusCode };
  return { record: { ...record, outcome: CLIENT_GONE }, status: CLIENT_GONE };
}
