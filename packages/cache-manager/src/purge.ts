import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheManagerOptions } from './cache-manager-options.ts';
import { StorageError } from '@cloud-mirror/storage-provider';
import {
  beginPurgeLog,
  purgeLogKey,
  putSmall,
  readMarker,
  copyKey,
  GENERATION_METADATA,
  freshToken,
  type MirroredObject,
} from '@cloud-mirror/mirrored-objects';
import { EntryStoreError } from '@cloud-mirror/entry-store';
import { GREATEST_MEMORY_AGE_MS } from './entry-memory.ts';
import type { MarkerLists } from './marker-lists.ts';
import type { PurgeResult } from './operator.ts';
import type { CopyBudgets } from '@cloud-mirror/copy-budgets';
import type { StoredObject } from '@cloud-mirror/storage-provider';
import { budgeted } from './budgeted.ts';
import { publicCause } from './public-cause.ts';

type PurgeOptions = Pick<CacheManagerOptions, 'entries' | 'events' | 'remembersHits' | 'budgets'> & {
  readonly markers: MarkerLists;
};

/**
 * Purges one object in several back ends: drops its entries and deletes its copies. `objects` are of one URL.
 *
 * A request that begins after the purge has returned is never redirected to bytes that were read from the origin before
 * the purge began. A copy that is in flight ends under the key of an earlier generation. If a step fails, the result has
 * `purged: false`, and calling again is safe.
 *
 * All back ends get the same nonce, and all markers are written first, so that a copy from one region to another can
 * compare generations.
 */
export async function purge(
  objects: readonly MirroredObject[],
  options: PurgeOptions,
  signal: AbortSignal,
): Promise<PurgeResult[]> {
  // Each attempt has a new generation. An abandoned attempt may still write its marker later, which must then differ.
  const generation = freshToken();
  const marked = await Promise.allSettled(
    objects.map((object) => mark(object, generation, options.markers, signal)),
  );
  const removed = await Promise.allSettled(
    objects.map(async (object, index) => {
      const mark = marked[index];
      if (mark === undefined || mark.status === 'rejected') throw mark?.reason;
      const hadEntry = await options.entries.drop(object.id);
      const hasCopy = hadEntry ? true : isStored(object, mark.value, signal);
      // At the end of this wait, every request that read the entry before the drop has been answered or has given up, and
      // no front end remembers the entry. Later requests cannot see it. Only then is it safe to delete the copies.
      const memoryAgeMs = options.remembersHits === true ? GREATEST_MEMORY_AGE_MS : 0;
      await sleep(memoryAgeMs + options.entries.timeLimitMs, undefined, { signal });
      const found = await hasCopy;
      await deleteCopies(object, mark.value, options.budgets ?? null, signal);
      return found;
    }),
  );
  return objects.map(({ id }, index) => {
    const result = removed[index];
    if (result?.status !== 'rejected')
      return {
        backend: id.backend,
        purged: true,
        error: null,
        ...(result?.value === false && { found: false }),
      };
    const part = result.reason instanceof EntryStoreError ? 'entries' : 'store';
    options.events?.partFailed?.(part, id.backend, result.reason);
    return { backend: id.backend, purged: false, error: publicCause(result.reason) };
  });
}

/** Writes the marker of a new generation. @returns the previous generation */
async function mark(
  object: MirroredObject,
  generation: string,
  markers: MarkerLists,
  signal: AbortSignal,
): Promise<string> {
  const before = await readMarker(object, signal);
  const content = Buffer.from(generation);
  const { etag } = await object.backend.store.put(object.markerKey, once(content), {
    signal,
    headers: { contentType: 'text/plain' },
    keep: true,
    sizeBytes: content.length,
    metadata: () => ({ [GENERATION_METADATA]: generation, 'purged-at': new Date().toISOString() }),
    // No retry: one that arrives late could overwrite the marker of a later purge.
    attempts: 1,
  });
  markers.wrote(object, { generation, etag });
  await log(object, generation, signal);
  return before.generation;
}

/**
 * How long the log's object may take from the marker's time, in milliseconds. Processes read the log a quarter of an hour
 * back, so that they do not miss an object that came later than others with later names.
 */
const LONGEST_LOGGING_MS = 10 * 60_000;

/** Writes the purge into the log, under the time that the store gave the marker: processes' clocks differ. */
async function log(object: MirroredObject, generation: string, signal: AbortSignal): Promise<void> {
  const { store } = object.backend;
  const begunAt = [performance.now(), Date.now()] as const;
  await beginPurgeLog(store, signal);
  const marker = await store.head(object.markerKey, { signal });
  if (marker === null) throw new StorageError('store_corrupt', 'the purge marker is gone again');
  await putSmall(store, purgeLogKey(marker.storedAt.getTime(), { ...object.id, generation }), {}, signal);
  const tookMs = Math.max(performance.now() - begunAt[0], Date.now() - begunAt[1]);
  if (tookMs > LONGEST_LOGGING_MS)
    throw new StorageError('store_unavailable', `writing the log of purges took ${Math.round(tookMs)} ms`);
}

/** The keys of all copies to which clients may have been redirected. */
function copyKeys(object: MirroredObject, previous: string): string[] {
  return [...new Set([copyKey(object, ''), copyKey(object, previous)])];
}

/** Whether there is a copy to delete; `null` if the store does not answer. Never rejects: the purge does not depend on it. */
async function isStored(
  object: MirroredObject,
  previous: string,
  signal: AbortSignal,
): Promise<boolean | null> {
  try {
    const { store } = object.backend;
    const heads = await Promise.all(copyKeys(object, previous).map((key) => store.head(key, { signal })));
    return heads.some((head) => head !== null);
  } catch {
    return null;
  }
}

/** Other keys need no deletion: a copy in flight has a generation to which no client is redirected. */
async function deleteCopies(
  object: MirroredObject,
  previous: string,
  budgets: CopyBudgets | null,
  signal: AbortSignal,
): Promise<void> {
  const keys = copyKeys(object, previous);
  const counted = budgets?.countsStored(budgeted(object)) === true ? budgets : null;
  const copies = counted === null ? [] : await Promise.all(keys.map((key) => objectAt(object, key, signal)));
  await Promise.all(keys.map((key) => object.backend.store.delete(key, { signal })));
  for (const copy of copies)
    if (copy !== null) await counted?.removed(budgeted(object), copy.sizeBytes ?? 0, copy.storedAt.getTime());
}

/** `null` if nothing is there, or if the store does not say: the purge does not depend on it. */
async function objectAt(
  object: MirroredObject,
  key: string,
  signal: AbortSignal,
): Promise<StoredObject | null> {
  return object.backend.store.head(key, { signal }).catch(() => null);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
