import { parseContentRange } from './content-range.ts';
import { hostForClients } from './log-form.ts';
import { isRetryableStatus, OriginError, type SourceOptions } from './origin.ts';
import type { FollowedResponse } from './redirect-follower.ts';
import { parseRetryAfter } from './retry-after.ts';
import { whyNotShareable } from './shareable.ts';

/*
 * Decides what the final answer, after redirects, means for the object. The front end's probe and the copier's GET use
 * the same rules, so that no job is sent for an object that a copier would refuse.
 */

/** An object that exists and may be copied for all clients. `sizeBytes` is `null` if the answer does not state it. */
export interface CopyableAnswer {
  readonly sizeBytes: number | null;
}

/** @throws {OriginError} if the answer to a HEAD alone does not prove that there is an object to copy */
export function judgeHead(answer: FollowedResponse, options: SourceOptions): CopyableAnswer {
  if (answer.status !== 200) throw statusError(answer, options);
  if (answer.headers.hasForeignTransferCoding())
    throw notCopyable(answer, 'answered HEAD with a transfer coding that was not requested');
  assertShareable(answer, options);
  return { sizeBytes: answer.headers.contentLength() };
}

/** @throws {OriginError} if the answer to a GET of the first byte shows that a full GET would not return the object */
export function judgeFirstByte(answer: FollowedResponse, options: SourceOptions): CopyableAnswer {
  const { status, headers } = answer;
  const range = parseContentRange(headers.single('content-range'));
  // A 416 concerns only the range: the object is empty, or the server does not support ranges. Its headers describe an
  // error document, so only the full GET can show more.
  if (status === 416) return { sizeBytes: range?.size === 0 ? 0 : null };
  if (status !== 200 && status !== 203 && status !== 206) throw statusError(answer, options);
  assertShareable(answer, options);
  return { sizeBytes: status === 206 ? (range?.size ?? null) : headers.contentLength() };
}

/** @throws {OriginError} if the answer to a full GET is not the whole object, or must not be shared */
export function judgeWhole(answer: FollowedResponse, options: SourceOptions): CopyableAnswer {
  const { status, headers } = answer;
  const sizeBytes = status === 206 ? wholeSize(answer) : headers.contentLength();
  if (status !== 200 && status !== 203 && (status !== 206 || sizeBytes === null))
    throw statusError(answer, options);
  assertShareable(answer, options);
  return { sizeBytes };
}

/** Complete length, if a 206 to a request without Range carries every byte; `null` if it is partial. */
function wholeSize({ headers }: FollowedResponse): number | null {
  const range = parseContentRange(headers.single('content-range'));
  if (range?.kind !== 'satisfied' || range.size === null) return null;
  const length = headers.contentLength();
  const isWhole = range.first === 0 && range.last === range.size - 1;
  return isWhole && (length === null || length === range.size) ? range.size : null;
}

function assertShareable(answer: FollowedResponse, options: SourceOptions): void {
  const why = whyNotShareable(answer.headers, options);
  if (why === null) return;
  const host = hostForClients(answer.finalUrl);
  throw new OriginError('not_shareable', `${host}: ${why}, so it is not mirrored`, {
    host: answer.finalUrl.host,
  });
}

/** Statuses that may depend on the client's identity or address; `onRefusal: origin` sends the client to the origin. */
const ABOUT_THE_CLIENT: ReadonlySet<number> = new Set([401, 403, 429]);

/** Statuses that say that there is no object, for any client. */
const NOT_FOUND: ReadonlySet<number> = new Set([404, 410]);

function statusError(answer: FollowedResponse, { onRefusal }: SourceOptions): OriginError {
  const { status, finalUrl, headers, cookieSet } = answer;
  if (status < 400) return notCopyable(answer, `answered ${status}, which is not the whole object`);
  const answered = `${hostForClients(finalUrl)} answered ${status}`;
  const context = {
    host: finalUrl.host,
    retryable: isRetryableStatus(status),
    // A Retry-After of 0 asks for no pause, so it counts as none.
    retryAfterSeconds: (status === 429 || status === 503 ? parseRetryAfter(headers) : null) || null,
  };
  if (onRefusal === 'origin' && ABOUT_THE_CLIENT.has(status))
    return new OriginError('origin_refused', `${answered}, perhaps to this mirror only`, context);
  if (cookieSet && status < 500 && !NOT_FOUND.has(status))
    return new OriginError(
      'cookie_required',
      `${answered} after a redirect that set a cookie, which the mirror does not send`,
      context,
    );
  return new OriginError('origin_status', answered, { ...context, status });
}

function notCopyable({ finalUrl }: FollowedResponse, what: string): OriginError {
  return new OriginError('not_copyable', `${hostForClients(finalUrl)} ${what}`, { host: finalUrl.host });
}
