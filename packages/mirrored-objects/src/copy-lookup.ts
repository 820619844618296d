import { StorageError, type StoredObject } from '@cloud-mirror/storage-provider';
import { copyOf, entryLifeMs, type CopyLifeOptions, type Copy } from './copy-life.ts';
import { copyKey, type MirroredObject } from './mirrored-object.ts';
import { GENERATION_METADATA, SENT_LENGTH_METADATA } from './object-key.ts';

/** What the object store, the authority, says of an object. */
export interface CopyLookup {
  readonly generation: string;
  /** `null`: there is none, or none of its length, or it is in the last of its life. */
  readonly copy: Copy | null;
  /** ETag of what lies at the key although it counts as absent: a new copy replaces just that. */
  readonly replaces: string | null;
}

/**
 * Asks for the marker and, side by side, for the raw key, which is where nearly every copy is. Only an object that was
 * purged once costs a third HEAD, of its generation's key.
 * @throws StorageError where the store cannot be asked: that is never "absent"
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

/** As {@link lookUpCopy}, for a generation that is known: one HEAD. */
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

/** What an object's purge marker says; the empty generation where there is none. */
export interface PurgeMarker {
  readonly generation: string;
  readonly etag: string | null;
}

/** Reads the object's purge marker. One HEAD. */
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
  if (entryLifeMs(copy, life, Date.now()) <= 0) return { generation, copy: null, replaces: stored.etag };
  return { generation, copy, replaces: null };
}

/**
 * Whether an object has as many bytes as the origin sent for it, so far as its metadata tells: a store that took a header
 * of the origin for an instruction has other bytes. Copies of earlier deployments do not tell.
 */
function hasItsLength({ metadata, sizeBytes }: StoredObject): boolean {
  const sent = metadata[SENT_LENGTH_METADATA];
  return sent === undefined || !/^\d{1,15}$/.test(sent) || Number(sent) === sizeBytes;
}
