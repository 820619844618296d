import type { CacheManagerOptions } from './cache-manager-options.ts';
import { lookUpGeneration, readMarker, type CopyLookup } from './copy-lookup.ts';
import type { Entry } from './entry-store.ts';
import { copyKey, type MirroredObject } from './mirrored-object.ts';
import type { StatusReport } from './operator.ts';

/** Tells all that is known of an object, and what a redirect would do now. Starts no copy and changes nothing. */
export async function reportStatus(
  object: MirroredObject,
  options: Pick<CacheManagerOptions, 'entries' | 'times'>,
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
  const now = Date.now();
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
    redirect: await foresee(object, entry, stored),
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

async function foresee(
  object: MirroredObject,
  entry: Entry | null,
  stored: CopyLookup | null,
): Promise<StatusReport['redirect']> {
  const origin = object.url;
  switch (entry?.state) {
    case 'present':
      // An entry of a generation that was purged is forgotten by the request that finds it.
      if (stored !== null && stored.generation !== entry.generation) break;
      return {
        to: 'copy',
        location: await addressOf(object, entry.generation),
        why:
          stored?.copy === null
            ? 'the entry says present but the store has no copy; Cache-Control: no-cache mends it'
            : 'the copy is present',
      };
    case 'pending':
      return { to: 'wait', location: null, why: `a copy is ${entry.phase}` };
    case 'error':
      if (entry.originStatus !== null) {
        return { to: 'origin_status', location: null, why: `the origin answered ${entry.originStatus}` };
      }
      if (entry.code === 'not_allowed' || entry.code === 'origin_redirects') {
        return { to: 'refused', location: null, why: entry.cause };
      }
      return { to: 'origin', location: origin, why: entry.cause };
    case undefined:
      break;
  }
  if (stored === null) return { to: 'origin', location: origin, why: 'the object store cannot be asked' };
  if (stored.copy === null)
    return { to: 'wait', location: null, why: 'nothing is known; the next request asks for the copy' };
  return {
    to: 'copy',
    location: await addressOf(object, stored.generation),
    why: 'the copy is in the store; the next request finds it',
  };
}

/** Without the signature, which is a credential: operators are shown where it leads only. */
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
