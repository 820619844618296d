import { StorageError, type StoredObject } from '@cloud-mirror/storage-provider';
import { copyOf, entryLifeMs, sentLength, type CopyLifeOptions, type Copy } from './copy-life.ts';
import { copyKey, type MirroredObject } from './mirrored-object.ts';
import { GENERATION_METADATA } from './object-key.ts';

/** The result of a look-up in the object store, which is the authority on what exists. */
export interface CopyLookup {
  readonly generation: string;
  /** `null` if there is no copy, its length is wrong, or the store will remove it within the expiry margin. */
  readonly copy: Copy | null;
  /** ETag of an object that is at the key but counts as absent. A new copy replaces only this version of it. */
  readonly replaces: string | null;
}

/**
 * Sends a HEAD for the purge marker and, in parallel, one for the key of the empty generation, where nearly every copy
 * is. Only an object that was purged before costs a third HEAD, for the key of its generation.
 * @throws StorageError if the store cannot be reached; the object never counts as absent then
 */
export async function lookUpCopy(
  object: MirroredObject,
  life: CopyLifeOptions,
  options: { signal?: AbortSignal; onMarker?: (marker: PurgeMarker) => void } = {},
): Promise<CopyLookup> {
  const call = { signal: options.signal };
  const [marker, raw] = await Promise.allSettled([
    readMarker(object, call.signal).then((read) => {
      options.onMarker?.(read);
      return read;
    }),
    object.backend.store.head(copyKey(object, ''), call),
  ]);
  if (marker.status === 'rejected') throw marker.reason;
  const { generation } = marker.value;
  if (generation === '') {
    if (raw.status === 'rejected') throw raw.reason;
    return judge(object, life, generation, raw.value);
  }
  return judge(object, life, generation, await object.backend.store.head(copyKey(object, generation), call));
}

/** Like {@link lookUpCopy}, but for a known generation. Costs one HEAD. */
export async function lookUpGeneration(
  object: MirroredObject,
  generation: string,
  life: CopyLifeOptions,
  signal?: AbortSignal,
): Promise<CopyLookup> {
  return judge(
    object,
    life,
    generation,
    await object.backend.store.head(copyKey(object, generation), { signal }),
  );
}

/** The contents of an object's purge marker. Without a marker, the generation is empty and `etag` is null. */
export interface PurgeMarker {
  readonly generation: string;
  readonly etag: string | null;
}

/**
 * Reads the object's purge marker. Costs one HEAD.
 * @throws StorageError `store_corrupt` if the marker holds no generation
 */
export async function readMarker(object: MirroredObject, signal?: AbortSignal): Promise<PurgeMarker> {
  const marker = await object.backend.store.head(object.markerKey, { signal });
  if (marker === null) return { generation: '', etag: null };
  const generation = marker.metadata[GENERATION_METADATA];
  if (generation === undefined || !/^[0-9A-Za-z_-]+$/.test(generation)) {
    throw new StorageError(
      'store_corrupt',
      `the purge marker ${object.markerKey} in ${object.backend.name} names no generation; purge the object again`,
    );
  }
  return { generation, etag: marker.etag };
}

function judge(
  object: MirroredObject,
  life: CopyLifeOptions,
  generation: string,
  stored: StoredObject | null,
): CopyLookup {
  if (stored === null) return { generation, copy: null, replaces: null };
  const copy = copyOf(object.backend, stored, generation);
  if (!hasItsLength(stored)) return { generation, copy: null, replaces: stored.etag };
  if (entryLifeMs(copy, life, object.backend.store.clock.nowMs()) <= 0)
    return { generation, copy: null, replaces: stored.etag };
  return { generation, copy, replaces: null };
}

/**
 * Whether the object has as many bytes as the origin sent for it. They differ if the store took one of the origin's
 * headers for an instruction. An object passes if one of the two lengths is unknown: a copy of an earlier deployment has
 * none in its metadata, and a gateway may leave out the store's.
 */
function hasItsLength({ metadata, sizeBytes }: StoredObject): boolean {
  const sent = sentLength(metadata);
  return sent === null || sizeBytes === null || sent === sizeBytes;
}
