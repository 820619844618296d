import type { StoredObject } from '@cloud-mirror/storage-provider';
import type { Backend } from './backend.ts';
import { SENT_LENGTH_METADATA } from './object-key.ts';

const DAY_MS = 86_400_000;

/** A copy that is in the object store. Times are milliseconds since 1970. */
export interface Copy {
  readonly generation: string;
  readonly sizeBytes: number;
  /** Lower-case hex; `null` if the digest is unknown, as for a copy found by HEAD without one in its metadata. */
  readonly sha256: string | null;
  readonly etag: string | null;
  readonly storedAt: number;
  readonly expiresAt: number | null;
}

/** How long entries and copies are trusted. These are keys of `entries` in the configuration. */
export interface CopyLifeOptions {
  /** The longest life of a `present` entry. */
  readonly ttlSeconds: number;
  /** A copy that the store removes within this time counts as absent, so that no client is redirected to it. */
  readonly expiryMarginSeconds: number;
}

/**
 * When the store will remove `object`, in milliseconds since 1970; `null` if never. The store's own expiry wins;
 * without one it is the time of storing + `lifespanDays`. S3 removes an object at the next midnight UTC after that, so
 * the estimate can be too early but never too late.
 */
export function expiryOf(backend: Pick<Backend, 'lifespanDays'>, object: StoredObject): number | null {
  if (object.expiresAt !== null) return object.expiresAt.getTime();
  return backend.lifespanDays === null ? null : object.storedAt.getTime() + backend.lifespanDays * DAY_MS;
}

/** The copy that an entry describes, made from the object's metadata in the store. */
export function copyOf(
  backend: Pick<Backend, 'lifespanDays'>,
  object: StoredObject,
  generation: string,
): Copy {
  return {
    generation,
    sizeBytes: object.sizeBytes ?? sentLength(object.metadata) ?? 0,
    sha256: sha256In(object.metadata),
    etag: object.etag,
    storedAt: object.storedAt.getTime(),
    expiresAt: expiryOf(backend, object),
  };
}

/** The number of bytes that the origin sent, from the metadata of a copy; `null` if the metadata has none. */
export function sentLength(metadata: StoredObject['metadata']): number | null {
  const length = metadata[SENT_LENGTH_METADATA];
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : null;
}

/** Other programs may write to the bucket. The digest is sent in headers, so anything but a SHA-256 is ignored. */
function sha256In(metadata: StoredObject['metadata']): string | null {
  const sha256 = metadata['sha256'];
  return sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null;
}

/**
 * How long a `present` entry may live, in milliseconds: min(`ttlSeconds`, remaining life of the object − margin).
 * If the result is zero or less, the object already counts as absent.
 */
export function entryLifeMs(copy: Pick<Copy, 'expiresAt'>, options: CopyLifeOptions, nowMs: number): number {
  const longest = options.ttlSeconds * 1000;
  if (copy.expiresAt === null) return longest;
  return Math.min(longest, copy.expiresAt - nowMs - options.expiryMarginSeconds * 1000);
}
