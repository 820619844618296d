import type { SourcePolicy } from '@cloud-mirror/origin';
import type { EntryTimes } from './cache-manager-options.ts';
import type { Entry, ErrorEntry, PresentEntry } from '@cloud-mirror/entry-store';
import type { Copy } from '@cloud-mirror/mirrored-objects';
import { accepted, refusalOf, toOrigin } from './fallback.ts';
import type { RedirectOutcome } from './redirect.ts';

/*
 * What becomes of a request, given what is known. Pure: the redirector carries a decision out, and the status of an object
 * reports it, so that the two cannot disagree.
 */

/** What a request wants, at the moment of the decision. */
export interface Wishes {
  readonly url: URL;
  /** The whole wait, in milliseconds from the request's arrival. */
  readonly waitMs: number;
  /** What is left of it. */
  readonly remainingMs: number;
  /** Answer `accepted` instead of the origin. */
  readonly respondAsync: boolean;
  /** Check what the entry says before believing it. */
  readonly revalidate: boolean;
}

export interface Knowledge {
  readonly entry: Entry | null;
  readonly times: Pick<EntryTimes, 'copyingLeaseSeconds' | 'originAnswerSeconds'>;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

export type Decision =
  /** Redirect to the entry's copy, provided that its generation is still the object's own. */
  | { readonly kind: 'copy'; readonly entry: PresentEntry }
  /** Claim the object, then look in the store and at the origin. `overdue`: the failure that the claim replaces. */
  | { readonly kind: 'claim'; readonly overdue: ErrorEntry | null }
  /** Wait for the entry to change. */
  | { readonly kind: 'wait'; readonly why: string }
  /** Drop the entry, which was asked to be checked and cannot be, and look again. */
  | { readonly kind: 'forget'; readonly token: string }
  | { readonly kind: 'answer'; readonly outcome: RedirectOutcome };

/** The answer to a URL that no rule of `sources.allow` allows; `null` where one does. */
export function sourceRefusal(policy: SourcePolicy, url: URL): RedirectOutcome | null {
  const decision = policy.decide(url);
  return decision.allowed ? null : { kind: 'not_allowed', message: decision.reason };
}

/** What the entry says about a request of an allowed URL. */
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
  // The origin said when to come back, and no client's wish changes that.
  const heeded = entry.originRetryAfterSeconds !== undefined && nowMs < entry.retryAt;
  if (revalidate && !entry.willRetry && !heeded) return { kind: 'forget', token: entry.token };
  const remembered = heeded || nowMs - entry.since < times.originAnswerSeconds * 1000;
  if (remembered || !entry.willRetry) {
    const { code, cause, originStatus: status, originHost: host } = entry;
    const retryAfterSeconds = leftOfRetryAfter(entry, nowMs);
    const refusal = refusalOf(url, { code, cause, status, host, retryAfterSeconds });
    if (refusal !== null) return { kind: 'answer', outcome: refusal };
  }
  // Overdue: its job was lost, or there never was one.
  if (nowMs > entry.retryAt + times.copyingLeaseSeconds * 1000) return { kind: 'claim', overdue: entry };
  if (entry.willRetry && entry.retryAt - nowMs < remainingMs) {
    if (remainingMs <= 0) return { kind: 'answer', outcome: notNow(wishes) };
    return { kind: 'wait', why: `the last try failed and is repeated within the wait: ${entry.cause}` };
  }
  if (entry.willRetry && respondAsync) return { kind: 'answer', outcome: accepted() };
  const reason = entry.code === 'internal_error' ? 'internal_error' : 'copy_failed';
  return { kind: 'answer', outcome: toOrigin(url, reason, 'error', entry.cause) };
}

function leftOfRetryAfter({ since, originRetryAfterSeconds }: ErrorEntry, nowMs: number): number | null {
  if (originRetryAfterSeconds === undefined) return null;
  const seconds = Math.ceil((since + originRetryAfterSeconds * 1000 - nowMs) / 1000);
  return seconds > 0 ? Math.min(seconds, originRetryAfterSeconds) : null;
}

/** The wait is over, or the request wanted none. */
export function notNow({ url, waitMs, respondAsync }: Pick<Wishes, 'url' | 'waitMs' | 'respondAsync'>) {
  return respondAsync ? accepted() : toOrigin(url, waitMs > 0 ? 'wait_over' : 'not_waiting');
}

/**
 * Without the entry store: what the object store has, else the origin.
 * @param lookup `null` where the object store does not answer either
 */
export function decideWithoutEntries(
  { url, respondAsync }: Pick<Wishes, 'url' | 'respondAsync'>,
  lookup: { readonly copy: Copy | null } | null,
): { readonly kind: 'stored'; readonly copy: Copy } | Extract<Decision, { kind: 'answer' }> {
  if (lookup === null) return { kind: 'answer', outcome: toOrigin(url, 'store_unavailable') };
  if (lookup.copy !== null) return { kind: 'stored', copy: lookup.copy };
  return { kind: 'answer', outcome: respondAsync ? accepted() : toOrigin(url, 'entries_unavailable') };
}
