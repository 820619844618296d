import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheManagerOptions } from './cache-manager-options.ts';
import {
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
import { publicCause } from './public-cause.ts';

type PurgeOptions = Pick<CacheManagerOptions, 'entries' | 'events' | 'remembersHits'> & {
  readonly markers: MarkerLists;
};

/**
 * Forgets and deletes one object in the back ends given (all of them one object, so of one URL).
 *
 * Once it has returned, no request that begins then is redirected to bytes that were read from the origin before it
 * began, whatever copies are in flight: those end under the key of a generation that is no longer the object's. Any
 * step that fails leaves `purged: false`, and calling again is safe.
 *
 * One nonce for all back ends, and all markers before the rest, so that a copy from one region to another can tell
 * equal generations.
 */
export async function purge(
  objects: readonly MirroredObject[],
  options: PurgeOptions,
  signal: AbortSignal,
): Promise<PurgeResult[]> {
  // Fresh for each attempt: a marker written late by an attempt given up must not look like the present one's.
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
      // A request that read the entry just before has been answered, or has given up, by the end of this wait, and no
      // front end remembers it any more; those that begin later cannot see it. Only then do the objects go.
      const memoryAgeMs = options.remembersHits === true ? GREATEST_MEMORY_AGE_MS : 0;
      await sleep(memoryAgeMs + options.entries.timeLimitMs, undefined, { signal });
      const found = await hasCopy;
      await deleteCopies(object, mark.value, signal);
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

/** Writes the marker of a new generation. @returns the generation before */
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
    // A repetition that arrives late could overwrite the marker of a later purge.
    attempts: 1,
  });
  markers.wrote(object, { generation, etag });
  return before.generation;
}

/** The keys under which a copy may be that requests were redirected to. */
function copyKeys(object: MirroredObject, previous: string): string[] {
  return [...new Set([copyKey(object, ''), copyKey(object, previous)])];
}

/** Whether there is something to delete; `null` where the store does not say. Never rejects: the purge does not depend on it. */
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

/** Only these keys: what a copy in flight writes meanwhile is of a generation that nobody is redirected to. */
async function deleteCopies(object: MirroredObject, previous: string, signal: AbortSignal): Promise<void> {
  const keys = copyKeys(object, previous);
  await Promise.all(keys.map((key) => object.backend.store.delete(key, { signal })));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
