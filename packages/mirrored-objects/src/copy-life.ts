import type { StoredObject } from '@cloud-mirror/storage-provider';
import type { Backend } from './backend.ts';

const DAY_MS = 86_400_000;

/** A copy of the object that is in the store. */
export interface Copy {
  readonly generation: string;
  readonly sizeBytes: number;
  /** Lower-case hex; `null` where nobody hashed it (found by HEAD). */
  readonly sha256: string | null;
  readonly etag: string | null;
  readonly storedAt: number;
  readonly expiresAt: number | null;
}

/** How long entries and copies are trusted; the `entries` part of the configuration. */
export interface CopyLifeOptions {
  /** Longest life of a `present` entry. */
  readonly ttlSeconds: number;
  /** An object is not redirected to in the last of its life. */
  readonly expiryMarginSeconds: number;
}

/**
 * When the store will remove `object`: what the store itself says, else stored at + `lifespanDays`. S3 removes at the
 * midnight UTC after that, so the sum is early, never late.
 */
export function expiryOf(backend: Pick<Backend, 'lifespanDays'>, object: StoredObject): number | null {
  if (object.expiresAt !== null) return object.expiresAt.getTime();
  return backend.lifespanDays === null ? null : object.storedAt.getTime() + backend.lifespanDays * DAY_MS;
}

/** What an entry says of a stored object, by this process's clock. */
export function copyOf(
  backend: Pick<Backend, 'lifespanDays'>,
  object: StoredObject,
  generation: string,
): Copy {
  return {
    generation,
    sizeBytes: object.sizeBytes,
    sha256: sha256In(object.metadata),
    etag: object.etag,
    storedAt: object.storedAt.getTime(),
    expiresAt: expiryOf(backend, object),
  };
}

/** Others may write to the bucket, too; what they call a digest would be sent in headers. */
function sha256In(metadata: StoredObject['metadata']): string | null {
  const sha256 = metadata['sha256'];
  return sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null;
}

/**
 * How long a `present` entry may live: min(`ttlSeconds`, remaining life of the object − margin), in milliseconds.
 * Zero or less: the object counts as absent already.
 */
export function entryLifeMs(copy: Pick<Copy, 'expiresAt'>, options: CopyLifeOptions, nowMs: number): number {
  const longest = options.ttlSeconds * 1000;
  if (copy.expiresAt === null) return longest;
  return Math.min(longest, copy.expiresAt - nowMs - options.expiryMarginSeconds * 1000);
}
