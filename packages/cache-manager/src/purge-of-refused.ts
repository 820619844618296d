import { copyKey, readMarker, type MirroredObject } from '@cloud-mirror/mirrored-objects';
import type { EntryStore } from '@cloud-mirror/entry-store';
import { NotMirroredError } from './operator.ts';

/**
 * Whether there is anything to purge of a URL that no rule allows: a copy, an entry, or the marker of an earlier purge. What
 * was allowed once can still be purged. For any other URL a marker would only be in the way: markers of URLs that somebody
 * made up would fill the lists that every front end reads.
 *
 * @param objects of one URL, one for each back end of the purge
 * @throws NotMirroredError if there is nothing in any back end
 * @throws StorageError, EntryStoreError if that cannot be found out
 */
export async function assertAnythingStored(
  objects: readonly MirroredObject[],
  entries: Pick<EntryStore, 'get'>,
  signal: AbortSignal,
): Promise<void> {
  const found = await Promise.allSettled(objects.map((object) => isAnythingStored(object, entries, signal)));
  if (found.some((one) => one.status === 'fulfilled' && one.value)) return;
  for (const one of found) if (one.status === 'rejected') throw one.reason;
  throw new NotMirroredError();
}

/** A later generation has a marker, so the key of the empty one is the only other place for a copy. */
async function isAnythingStored(
  object: MirroredObject,
  entries: Pick<EntryStore, 'get'>,
  signal: AbortSignal,
): Promise<boolean> {
  const [entry, marker, copy] = await Promise.all([
    entries.get(object.id),
    readMarker(object, signal),
    object.backend.store.head(copyKey(object, ''), { signal }),
  ]);
  return entry !== null || marker.generation !== '' || copy !== null;
}
