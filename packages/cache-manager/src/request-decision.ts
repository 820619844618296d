import type { SourcePolicy } from '@cloud-mirror/origin';
import type { EntryTimes } from './cache-manager-options.ts';
import type { Entry, ErrorEntry, PresentEntry } from '@cloud-mirror/entry-store';
import type { Copy } from '@cloud-mirror/mirrored-objects';
import { accepted, refusalOf, toOrigin } from './fallback.ts';
import type { RedirectOutcome } from './redirect.ts';

/*
 * Decides about a request from the known state, as pure functions. The redirector carries a decision out and the status of
 * an object reports it, so that the two cannot disagree.
 */

/** The preferences of a request, at the moment of the decision. */
export interface Wishes {
  readonly url: URL;
  /** The whole wait, in milliseconds from the request's arrival. */
  readonly waitMs: number;
  /** The remaining part of the wait. */
  readonly remainingMs: number;
  /** Whether to answer `accepted` instead of a redirect to the origin. */
  readonly respondAsync: boolean;
  /** Whether to check the entry before trusting it. */
  readonly revalidate: boolean;
}

export interface Knowledge {
  readonly entry: Entry | null;
  readonly times: Pick<EntryTimes, 'copyingLeaseSeconds' | 'originAnswerSeconds'>;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

export type Decision =
  /** Redirect to the entry's copy, if its generation is still the object's current one. */
  | { readonly kind: 'copy'; readonly entry: PresentEntry }
  /** Claim the object, then look in the store and at the origin. `overdue`: the failure that the claim replaces. */
  | { readonly kind: 'claim'; readonly overdue: ErrorEntry | null }
  /** Wait for the entry to change. */
  | { readonly kind: 'wait'; readonly why: string }
  /** Claim the object in place of the error: the request wants a check, and an error cannot be checked against the store. */
  | { readonly kind: 'check_error'; readonly error: ErrorEntry }
  | { readonly kind: 'answer'; readonly outcome: RedirectOutcome };

/** The answer to a URL that no rule of `sources.allow` allows; `null` if a rule allows it. */
export function sourceRefusal(policy: SourcePolicy, url: URL): RedirectOutcome | null {
  const decision = policy.decide(url);
  return decision.allowed ? null : { kind: 'not_allowed', message: decision.reason };
}

/** Decides about a request for an allowed URL by the entry. */
export function decideByEntry(wishes: Wishes, knowledge: Knowledge): Decision {
  const { entry } = knowledge;
  switch (entry?.state) {
    case undefined:
      return { kind: 'claim', overdue: null };
    case 'present':
      return { kind: 'copy', entry };
    case 'pending':
      return wishes.remainingMs > 0
        ? { kind: 'wait', why: `a copy is ${entry.phase}` }
        : { kind: 'answer', outcome: notNow(wishes) };
    case 'error':
      return decideByError(wishes, knowledge, entry);
  }
}

function decideByError(wishes: Wishes, { times, nowMs }: Knowledge, entry: ErrorEntry): Decision {
  const { url, remainingMs, respondAsync, revalidate } = wishes;
  // A client's no-cache does not override the origin's Retry-After.
  const heeded = entry.originRetryAfterSeconds !== undefined && nowMs < entry.retryAt;
  if (revalidate && !entry.willRetry && !heeded) return { kind: 'check_error', error: entry };
  const remembered = heeded || nowMs - entry.since < times.originAnswerSeconds * 1000;
  if (remembered || !entry.willRetry) {
    const { code, cause, originStatus: status, originHost: host } = entry;
    const retryAfterSeconds = remainingRetryAfter(entry, nowMs);
    const refusal = refusalOf(url, { code, cause, status, host, retryAfterSeconds });
    if (refusal !== null) return { kind: 'answer', outcome: refusal };
  }
  // Overdue: the job that should have retried was lost, or there never was one.
  if (nowMs > entry.retryAt + times.copyingLeaseSeconds * 1000) return { kind: 'claim', overdue: entry };
  if (needsOperator(entry.code))
    return { kind: 'answer', outcome: toOrigin(url, entry.code, 'error', entry.cause) };
  if (entry.willRetry && entry.retryAt - nowMs < remainingMs) {
    if (remainingMs <= 0) return { kind: 'answer', outcome: notNow(wishes) };
    return { kind: 'wait', why: `the last try failed; the next one is due within the wait: ${entry.cause}` };
  }
  if (entry.willRetry && respondAsync) return { kind: 'answer', outcome: accepted() };
  const reason = entry.code === 'internal_error' ? 'internal_error' : 'copy_failed';
  return { kind: 'answer', outcome: toOrigin(url, reason, 'error', entry.cause) };
}

/** Whether a copy failed for a reason that only an operator can fix, so that a retry within the wait is useless. */
function needsOperator(code: string): code is 'store_missing' | 'store_key_refused' {
  return code === 'store_missing' || code === 'store_key_refused';
}

function remainingRetryAfter({ since, originRetryAfterSeconds }: ErrorEntry, nowMs: number): number | null {
  if (originRetryAfterSeconds === undefined) return null;
  const seconds = Math.ceil((since + originRetryAfterSeconds * 1000 - nowMs) / 1000);
  return seconds > 0 ? Math.min(seconds, originRetryAfterSeconds) : null;
}

/** The answer when the wait is over or the client does not want to wait. */
export function notNow({ url, waitMs, respondAsync }: Pick<Wishes, 'url' | 'waitMs' | 'respondAsync'>) {
  return respondAsync ? accepted() : toOrigin(url, waitMs > 0 ? 'wait_over' : 'not_waiting');
}

/**
 * Decides without the entry store: a redirect to the copy if the object store has one, else to the origin.
 * @param lookup `null` if the object store does not answer either
 */
export function decideWithoutEntries(
  { url, respondAsync }: Pick<Wishes, 'url' | 'respondAsync'>,
  lookup: { readonly copy: Copy | null } | null,
): { readonly kind: 'stored'; readonly copy: Copy } | Extract<Decision, { kind: 'answer' }> {
  if (lookup === null) return { kind: 'answer', outcome: toOrigin(url, 'store_unavailable') };
  if (lookup.copy !== null) return { kind: 'stored', copy: lookup.copy };
  return { kind: 'answer', outcome: respondAsync ? accepted() : toOrigin(url, 'entries_unavailable') };
}
