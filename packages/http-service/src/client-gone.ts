import type { ServerResponse } from 'node:http';
import type { RequestRecord } from './request-context.ts';

/** Outcome, and status in the metrics, of a request whose client closed the connection before it had the whole answer. */
export const CLIENT_GONE = 'client_gone';

/** Outcomes of answers that this server ended early itself, although the client was still there. */
const BROKEN_OFF: ReadonlySet<string> = new Set(['read_failed', 'client_stalled']);

/**
 * The outcome of a request, once its response is closed. If the client left before it had the whole answer, the status that was
 * prepared for it does not count: it may be Koa's 404, with which every response begins.
 */
export function endOf<Record extends RequestRecord>(
  response: Pick<ServerResponse, 'writableFinished' | 'statusCode'>,
  record: Record,
): { readonly record: Record; readonly status: number | typeof CLIENT_GONE } {
  if (response.writableFinished || BROKEN_OFF.has(record.outcome ?? ''))
    return { record, status: response.statusCode };
  return { record: { ...record, outcome: CLIENT_GONE }, status: CLIENT_GONE };
}
