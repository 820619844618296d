import type { ObjectWriter, ObjectReader } from '@cloud-mirror/storage-provider';
import { MARKER_PREFIX } from './object-key.ts';

/**
 * The log of purges: one small object for each purge, named by its time, its object and its generation. A process reads what
 * is new in it by one LIST, however many purge markers there are. The markers themselves stay the authority. The log is below
 * the markers' prefix, so that lifecycle rules and permissions for markers hold for it.
 */
export const PURGE_LOG_PREFIX = `${MARKER_PREFIX}log/`;

/** Its metadata says since when every purge is in the log. */
const LOG_SINCE_KEY = `${MARKER_PREFIX}log-since`;
const SINCE_METADATA = 'since';
/** Written again at this age, well before lifecycle rules remove it. */
const RENEWED_AFTER_MS = 7 * 86_400_000;

export interface LoggedPurge {
  /** SHA-256 of the URL, lower-case hex. */
  readonly sha256: string;
  readonly generation: string;
}

/** @param atMs the time of the marker by the store's clock, in milliseconds since 1970 */
export function purgeLogKey(atMs: number, { sha256, generation }: LoggedPurge): string {
  // In lower case, so that a file system keeps the object under its own name and lists it without opening it.
  return `${purgeLogStart(atMs)}-${sha256}-${Buffer.from(generation).toString('hex')}`;
}

/** The beginning of the keys of a second. All keys of earlier ones sort before it. */
export function purgeLogStart(atMs: number): string {
  return PURGE_LOG_PREFIX + new Date(atMs).toISOString().slice(0, 19).replace(/[-:T]/g, '');
}

/** `null` for a key of another form. */
export function parsePurgeLogKey(key: string): (LoggedPurge & { readonly atMs: number }) | null {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)-([0-9a-f]{64})-((?:[0-9a-f]{2})+)$/.exec(
    key.slice(PURGE_LOG_PREFIX.length),
  );
  if (match === null || !key.startsWith(PURGE_LOG_PREFIX)) return null;
  const [, year, month, day, hour, minute, second, sha256 = '', hex = ''] = match;
  const atMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(atMs) ? null : { sha256, generation: Buffer.from(hex, 'hex').toString(), atMs };
}

/**
 * Since when every purge is in the log, by the store's clock, in milliseconds since 1970; `null` if there is no log. Version
 * 0.2.0 wrote markers only.
 * @throws StorageError
 */
export async function purgeLogSince(store: ObjectReader, signal?: AbortSignal): Promise<number | null> {
  const known = await store.head(LOG_SINCE_KEY, { signal });
  if (known === null) return null;
  const stated = Date.parse(known.metadata[SINCE_METADATA] ?? '');
  const stored = known.storedAt.getTime();
  return Number.isNaN(stated) ? stored : Math.min(stated, stored);
}

/** Begins the log, or keeps lifecycle rules from removing what says since when there is one. @throws StorageError */
export async function beginPurgeLog(store: ObjectReader & ObjectWriter, signal?: AbortSignal): Promise<void> {
  const known = await store.head(LOG_SINCE_KEY, { signal });
  if (known !== null && Date.now() - known.storedAt.getTime() < RENEWED_AFTER_MS) return;
  const since = known === null ? null : await purgeLogSince(store, signal);
  await putSmall(
    store,
    LOG_SINCE_KEY,
    since === null ? {} : { [SINCE_METADATA]: new Date(since).toISOString() },
    signal,
  );
}

/** Writes an object that only its name and metadata say something. @throws StorageError */
export async function putSmall(
  store: ObjectWriter,
  key: string,
  metadata: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<void> {
  const content = Buffer.from('purge log');
  await store.put(key, once(content), {
    signal,
    headers: { contentType: 'text/plain' },
    keep: true,
    sizeBytes: content.length,
    metadata: () => metadata,
    // No retry: a late one could come after the time that readers allow for.
    attempts: 1,
  });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
