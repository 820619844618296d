import type { ServerResponse } from 'node:http';
import type { RequestRecord } from './request-context.ts';

/** Outcome, and status in metrics, of a request whose client closed the connection before it had the whole response. */
export const CLIENT_GONE = 'client_gone';

/** Outcomes of responses that this server aborted itself while the client was still connected. */
const BROKEN_OFF: ReadonlySet<string> = new Set(['read_failed', 'client_stalled', 'object_removed']);

/**
 * The outcome of a request whose response is closed. If the client left early, no status counts as sent, whatever
 * `statusCode` says: Koa presets it to 404 before a handler answers.
 */
export function endOf<Record extends RequestRecord>(
  response: Pick<ServerResponse, 'writableFinished' | 'statusCode'>,
  record: Record,
): { readonly record: Record; readonly status: number | typeof CLIENT_GONE } {
  if (response.writableFinished || BROKEN_OFF.has(record.outcome ?? ''))
    return { record, status: response.statusCode };
  return { record: { ...record, outcome: CLIENT_GONE }, status: CLIENT_GONE };
}
