import type { RedirectOutcome } from '@cloud-mirror/cache-manager';
import { HttpProblem } from '@cloud-mirror/http-service';

/** Client and server errors in IANA's registry of HTTP status codes, apart from those that cannot be passed on. */
const PASSED_ON: ReadonlySet<number> = new Set([
  ...[400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418],
  ...[421, 422, 423, 424, 425, 428, 429, 431, 451],
  ...[500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511],
]);

/**
 * Passes on the origin's error. 407 and 426 concern the connection that carries them (RFC 9110), so a client would think
 * that they concern this server; an unregistered status is of no use to a client. These become 502.
 */
export function originStatusProblem(
  outcome: Extract<RedirectOutcome, { kind: 'origin_status' }>,
): HttpProblem {
  const { status, host, message, retryAfterSeconds } = outcome;
  return new HttpProblem(PASSED_ON.has(status) ? status : 502, 'origin_status', message, {
    headers: {
      Vary: 'Prefer',
      ...requiredHeaders(status, host),
      ...(retryAfterSeconds !== null && { 'Retry-After': String(retryAfterSeconds) }),
    },
    extensions: { originStatus: status },
  });
}

/** The headers that a 401 and a 405 require (RFC 9110, sections 15.5.2 and 15.5.6). */
function requiredHeaders(status: number, host: string): Record<string, string> {
  if (status === 401)
    return { 'WWW-Authenticate': `Origin realm="${host.replace(/[^\x21\x23-\x5b\x5d-\x7e]/g, '')}"` };
  if (status === 405) return { Allow: 'GET, HEAD' };
  return {};
}
