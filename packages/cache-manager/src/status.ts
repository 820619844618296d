import { DEFAULT_MAX_WAIT_MS, type CacheManagerOptions } from './cache-manager-options.ts';
import {
  lookUpGeneration,
  readMarker,
  copyKey,
  type CopyLookup,
  type MirroredObject,
} from '@cloud-mirror/mirrored-objects';
import type { Entry, PresentEntry } from '@cloud-mirror/entry-store';
import { budgeted } from './budgeted.ts';
import { toOrigin } from './fallback.ts';
import type { MarkerLists } from './marker-lists.ts';
import type { StatusReport } from './operator.ts';
import type { RedirectOutcome } from './redirect.ts';
import {
  decideByEntry,
  decideWithoutEntries,
  notNow,
  sourceRefusal,
  type Wishes,
} from './request-decision.ts';

type StatusOptions = Pick<CacheManagerOptions, 'entries' | 'times' | 'policy' | 'maxWaitMs' | 'budgets'> & {
  readonly markers: Pick<MarkerLists, 'knows' | 'wasStoreMissing'>;
};

type Prediction = StatusReport['redirect'];

/** The full state of an object, and where a redirect would lead now. Starts no copy and changes nothing. */
export async function reportStatus(
  object: MirroredObject,
  options: StatusOptions,
  signal: AbortSignal,
): Promise<StatusReport> {
  const unavailable: { part: 'entries' | 'store'; cause: string }[] = [];
  const [entry, stored] = await Promise.all([
    options.entries.get(object.id).catch((error: unknown) => {
      unavailable.push({ part: 'entries', cause: causeOf(error) });
      return null;
    }),
    lookUpStored(object, options, signal).catch((error: unknown) => {
      unavailable.push({ part: 'store', cause: causeOf(error) });
      return null;
    }),
  ]);
  const now = object.backend.store.clock.nowMs();
  return {
    service: object.backend.service,
    region: object.backend.region,
    url: object.url,
    sha256: object.id.sha256,
    entry,
    ageSeconds: entry === null ? null : seconds(now - entry.since),
    leaseSeconds: leaseSeconds(entry, now),
    generation: stored?.generation ?? null,
    key: stored === null ? null : copyKey(object, stored.generation),
    object: describe(stored),
    redirect: await predict(object, options, {
      entry: unavailable.some(({ part }) => part === 'entries') ? 'unavailable' : entry,
      stored,
      nowMs: now,
    }),
    unavailable,
  };
}

function lookUpStored(
  object: MirroredObject,
  options: Pick<CacheManagerOptions, 'times'>,
  signal: AbortSignal,
): Promise<CopyLookup> {
  return readMarker(object, signal).then(({ generation }) =>
    lookUpGeneration(object, generation, options.times, signal),
  );
}

function describe(stored: CopyLookup | null): StatusReport['object'] {
  if (stored === null || stored.copy === null) return null;
  const { sizeBytes, storedAt, expiresAt, etag, sha256 } = stored.copy;
  return {
    sizeBytes,
    storedAt: new Date(storedAt).toISOString(),
    expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    etag,
    sha256,
  };
}

/** The state on which the decision depends, as a request would find it. */
interface Found {
  readonly entry: Entry | null | 'unavailable';
  /** `null` if the object store does not answer. */
  readonly stored: CopyLookup | null;
  readonly nowMs: number;
}

/** Predicts where a GET without preferences would be redirected, by the redirector's own decisions. */
async function predict(object: MirroredObject, options: StatusOptions, found: Found): Promise<Prediction> {
  const url = new URL(object.url);
  const refusal = sourceRefusal(options.policy, url);
  if (refusal !== null) return predictionOf(refusal);
  const waitMs = options.maxWaitMs ?? DEFAULT_MAX_WAIT_MS;
  const wishes: Wishes = { url, waitMs, remainingMs: waitMs, respondAsync: false, revalidate: false };
  const { entry, stored, nowMs } = found;
  if ((entry === 'unavailable' || entry === null) && options.markers.wasStoreMissing(object.id.backend))
    return predictionOf(toOrigin(url, 'store_missing'));
  if (entry === 'unavailable') {
    const decision = decideWithoutEntries(wishes, stored);
    return decision.kind === 'answer'
      ? predictionOf(decision.outcome)
      : toCopy(object, decision.copy.generation, 'the entry store does not answer; the copy is in the store');
  }
  const decision = decideByEntry(wishes, { entry, times: options.times, nowMs });
  switch (decision.kind) {
    case 'copy':
      return predictPresent(object, options, { entry: decision.entry, stored, wishes });
    case 'wait':
      return { to: 'wait', location: null, why: decision.why };
    case 'answer':
      return predictionOf(decision.outcome);
    case 'claim':
    case 'check_error':
      return predictClaim(object, stored, wishes, options);
  }
}

/** A request that finds an entry of a purged generation drops the entry and claims the object. */
async function predictPresent(
  object: MirroredObject,
  options: StatusOptions,
  {
    entry,
    stored,
    wishes,
  }: { readonly entry: PresentEntry; readonly stored: CopyLookup | null; readonly wishes: Wishes },
): Promise<Prediction> {
  const { generation } = entry;
  const { markers } = options;
  if (stored === null && !markers.knows(object, entry))
    return predictionOf(toOrigin(wishes.url, 'store_unavailable'));
  if (stored !== null && stored.generation !== generation)
    return predictClaim(object, stored, wishes, options);
  const gone =
    'the entry is present but the store has no copy; a request with Cache-Control: no-cache repairs it';
  return toCopy(object, generation, stored?.copy === null ? gone : 'the copy is present');
}

/** The winner of a claim looks in the store and then asks the origin, which a status report does not. */
async function predictClaim(
  object: MirroredObject,
  stored: CopyLookup | null,
  wishes: Wishes,
  { budgets }: Pick<StatusOptions, 'budgets'>,
): Promise<Prediction> {
  if (stored === null) return predictionOf(toOrigin(wishes.url, 'store_unavailable', 'error'));
  if (stored.copy !== null)
    return toCopy(object, stored.generation, 'the copy is in the store; the next request finds it');
  if (budgets?.spent(budgeted(object))) return predictionOf(toOrigin(wishes.url, 'over_budget'));
  if (wishes.remainingMs <= 0) return predictionOf(notNow(wishes));
  return {
    to: 'wait',
    location: null,
    why: 'there is no entry and no copy; the next request asks for the copy',
  };
}

async function toCopy(object: MirroredObject, generation: string, why: string): Promise<Prediction> {
  return { to: 'copy', location: await addressOf(object, generation), why };
}

function predictionOf(outcome: RedirectOutcome): Prediction {
  switch (outcome.kind) {
    case 'present':
      return { to: 'copy', location: outcome.location, why: 'the copy is present' };
    case 'origin':
      return { to: 'origin', location: outcome.location, why: outcome.message };
    case 'origin_status':
      return { to: 'origin_status', location: null, why: `the origin answered ${outcome.status}` };
    case 'accepted':
      return { to: 'wait', location: null, why: outcome.message };
    case 'origin_redirects':
    case 'not_allowed':
      return { to: 'refused', location: null, why: outcome.message };
    case 'unknown_backend':
      return { to: 'refused', location: null, why: 'there is no such service or region' };
  }
}

/** The address without its query: the signature is a credential, and operators need only the location. */
function addressOf(object: MirroredObject, generation: string): Promise<string | null> {
  const address = object.backend.store.urlFor(copyKey(object, generation), 'GET');
  return address.then(
    (url) => url.split('?', 1)[0] ?? url,
    () => null,
  );
}

function leaseSeconds(entry: Entry | null, now: number): number | null {
  switch (entry?.state) {
    case 'pending':
      return seconds(entry.leaseEnd - now);
    case 'present':
      return entry.expiresAt === null ? null : seconds(entry.expiresAt - now);
    case 'error':
      return seconds(entry.retryAt - now);
    case undefined:
      return null;
  }
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds / 1000);
}

function causeOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
