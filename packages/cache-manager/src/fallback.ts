import type { FallbackReason, RedirectOutcome } from './redirect.ts';

const RETRY_AFTER_SECONDS = 2;

/** It says neither whose budget nor how large it is. */
export const OVER_BUDGET_MESSAGE =
  "the mirror's budget for new copies of this source is used up; this is the origin";

/** The message for a client that is redirected to the origin, and whether the copy is pending or something failed. */
const FALLBACKS: Readonly<
  Record<FallbackReason, { readonly state: 'pending' | 'error'; readonly message: string }>
> = {
  wait_over: { state: 'pending', message: 'the copy is still being made; this is the origin' },
  not_waiting: {
    state: 'pending',
    message: 'the copy is being made in the background; this is the origin',
  },
  too_many_waiting: {
    state: 'pending',
    message: 'too many requests are already waiting; this is the origin',
  },
  client_over_share: {
    state: 'pending',
    message: 'you already have as many requests for new objects as one client may; this is the origin',
  },
  copy_failed: { state: 'error', message: 'the last attempt to copy failed; this is the origin' },
  origin_busy: {
    state: 'pending',
    message: 'the mirror has too much to do with this origin now; this is the origin',
  },
  over_budget: {
    state: 'error',
    message: OVER_BUDGET_MESSAGE,
  },
  too_large: { state: 'error', message: 'the object is too large for this mirror; this is the origin' },
  origin_unreachable: {
    state: 'error',
    message: 'the mirror cannot reach the origin; this is the origin, which you may be able to reach',
  },
  origin_refused: {
    state: 'error',
    message: 'the origin refuses the mirror; this is the origin, which may not refuse you',
  },
  cookie_required: {
    state: 'error',
    message: 'the origin requires a cookie, which the mirror does not send; this is the origin',
  },
  not_copyable: {
    state: 'error',
    message: 'the origin did not answer with a whole object; this is the origin',
  },
  not_shareable: {
    state: 'error',
    message: "the origin's answer must not be shared between clients; this is the origin",
  },
  store_unavailable: {
    state: 'error',
    message: 'the object store of this region does not answer; this is the origin',
  },
  store_missing: {
    state: 'error',
    message: 'the object store of this region has no such bucket or folder; this is the origin',
  },
  store_key_refused: {
    state: 'error',
    message: 'the object store of this region refuses the key of this object; this is the origin',
  },
  queue_unavailable: { state: 'error', message: 'the queue accepts no job for a copy; this is the origin' },
  entries_unavailable: {
    state: 'error',
    message: 'the mirror cannot check whether there is a copy; this is the origin',
  },
  internal_error: { state: 'error', message: 'something went wrong in the mirror; this is the origin' },
};

/** Redirects the client to the origin, so that it gets its artifact in spite of any failure of the mirror. */
export function toOrigin(
  url: URL,
  reason: FallbackReason,
  state: 'pending' | 'error' = FALLBACKS[reason].state,
  message: string = FALLBACKS[reason].message,
): RedirectOutcome {
  return { kind: 'origin', location: url.href, state, reason, message };
}

/** The 202 for a client that prefers an asynchronous answer to a redirect to the origin. */
export function accepted(): RedirectOutcome {
  return { kind: 'accepted', retryAfterSeconds: RETRY_AFTER_SECONDS, message: 'the copy is being made' };
}

/** The answer to a failure that a retry does not fix; `null` if a retry may fix it. */
export function refusalOf(
  url: URL,
  failure: {
    readonly code: string;
    readonly cause: string;
    readonly status: number | null;
    readonly host: string | null;
    /** Remaining seconds of the origin's Retry-After; `null` if none. */
    readonly retryAfterSeconds: number | null;
  },
): RedirectOutcome | null {
  const { code, cause: message, status, retryAfterSeconds } = failure;
  if (status !== null)
    return { kind: 'origin_status', status, host: failure.host ?? url.host, retryAfterSeconds, message };
  switch (code) {
    case 'not_allowed':
      return { kind: 'not_allowed', message };
    case 'origin_redirects':
      return { kind: 'origin_redirects', message };
    case 'over_budget':
    case 'too_large':
    case 'origin_unreachable':
    case 'origin_refused':
    case 'cookie_required':
    case 'not_copyable':
    case 'not_shareable':
    case 'store_key_refused':
      return toOrigin(url, code, 'error', message);
    default:
      return null;
  }
}
