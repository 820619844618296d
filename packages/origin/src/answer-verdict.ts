import { parseContentRange } from './content-range.ts';
import { hostForClients } from './log-form.ts';
import { isRetryableStatus, OriginError, type SourceOptions } from './origin.ts';
import type { FollowedResponse } from './redirect-follower.ts';
import { parseRetryAfter } from './retry-after.ts';
import { whyNotShareable } from './shareable.ts';

/*
 * What the answer at the end of the redirects means for the object. The front end's probe and the copier's GET judge by
 * the same functions, so that no job is sent for what a copier would refuse.
 */

/** An object that is there, and may be copied for everybody. `sizeBytes` is `null` where the answer does not say. */
export interface CopyableAnswer {
  readonly sizeBytes: number | null;
}

/** @throws {OriginError} where a HEAD does not prove by itself that there is an object to copy */
export function judgeHead(answer: FollowedResponse, options: SourceOptions): CopyableAnswer {
  if (answer.status !== 200) throw statusError(answer, options);
  if (answer.headers.hasForeignTransferCoding())
    throw notCopyable(answer, 'answered HEAD with a transfer coding that nobody asked for');
  assertShareable(answer, options);
  return { sizeBytes: answer.headers.contentLength() };
}

/** @throws {OriginError} where a GET of the first byte shows that a GET of the whole would not give the object */
export function judgeFirstByte(answer: FollowedResponse, options: SourceOptions): CopyableAnswer {
  const { status, headers } = answer;
  const range = parseContentRange(headers.single('content-range'));
  // About the range alone: the object is empty, or the server does not do ranges and says so in its own way. The headers
  // are those of an error, so the GET of the whole has to tell the rest.
  if (status === 416) return { sizeBytes: range?.size === 0 ? 0 : null };
  if (status !== 200 && status !== 203 && status !== 206) throw statusError(answer, options);
  assertShareable(answer, options);
  return { sizeBytes: status === 206 ? (range?.size ?? null) : headers.contentLength() };
}

/** @throws {OriginError} where the answer to a GET is not the whole object, or not for everybody */
export function judgeWhole(answer: FollowedResponse, options: SourceOptions): CopyableAnswer {
  const { status, headers } = answer;
  const sizeBytes = status === 206 ? wholeSize(answer) : headers.contentLength();
  if (status !== 200 && status !== 203 && (status !== 206 || sizeBytes === null))
    throw statusError(answer, options);
  assertShareable(answer, options);
  return { sizeBytes };
}

/** Complete length, where a 206 to a request without Range has all bytes of it; `null` where it has a part. */
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

/** Statuses that may be about who asks and from where, and that `onRefusal: origin` leaves to the origin. */
const ABOUT_THE_CLIENT: ReadonlySet<number> = new Set([401, 403, 429]);

/** Statuses that say that there is no object, whoever asks. */
const NOT_THERE: ReadonlySet<number> = new Set([404, 410]);

function statusError(answer: FollowedResponse, { onRefusal }: SourceOptions): OriginError {
  const { status, finalUrl, headers, cookieSet } = answer;
  if (status < 400) return notCopyable(answer, `answered ${status}, which is not the whole object`);
  const answered = `${hostForClients(finalUrl)} answered ${status}`;
  const context = {
    host: finalUrl.host,
    retryable: isRetryableStatus(status),
    // 0 asks for no pause, so there is nothing to heed and nothing to pass on.
    retryAfterSeconds: (status === 429 || status === 503 ? parseRetryAfter(headers) : null) || null,
  };
  if (onRefusal === 'origin' && ABOUT_THE_CLIENT.has(status))
    return new OriginError('origin_refused', `${answered}, perhaps to this mirror only`, context);
  if (cookieSet && status < 500 && !NOT_THERE.has(status))
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
