import { createHash } from 'node:crypto';
import { isLocallyServed } from '@cloud-mirror/storage-provider';
import type {
  LocallyServed,
  MeasuredObject,
  ObjectHeaders,
  OpenObject,
  StorageProvider,
  StoredObject,
} from '@cloud-mirror/storage-provider';
import { routedKey } from './routed-key.ts';
import { StatedChecksums } from './stated-checksums.ts';
import { UploadError } from './upload-error.ts';

/** A store whose objects this program serves itself. */
export type RoutedStore = StorageProvider & LocallyServed;

export function isRoutedStore(store: StorageProvider): store is RoutedStore {
  return isLocallyServed(store);
}

/** The metadata field of a routed object that holds its ETag. */
export const ETAG_METADATA = 'routed-etag';

/** An upload as the client sends it. */
export interface Upload {
  readonly body: AsyncIterable<Uint8Array>;
  /** null if the body is chunked. */
  readonly sizeBytes: number | null;
  /** The largest size of an object in bytes. */
  readonly maxBytes: number;
  readonly headers: ObjectHeaders;
  /** The headers that count, with names in lower case: checksums and metadata. */
  readonly counting: Readonly<Record<string, string>>;
  /** Store only if there is no object at the key. */
  readonly onlyNew: boolean;
  readonly signal: AbortSignal;
}

/**
 * The objects of routes in one folder. They behave as in S3: the ETag of an object is the MD5 of its bytes, a body that does
 * not match its stated checksums or length is refused whole, and user metadata is kept. They are never evicted.
 */
export class RoutedObjects {
  readonly #store: RoutedStore;

  constructor(store: RoutedStore) {
    this.#store = store;
  }

  /** @returns null if there is no object. The caller disposes of it. */
  async open(key: string): Promise<OpenObject | null> {
    return this.#store.openKey(routedKey(key));
  }

  /**
   * Stores an object when its whole body has arrived and matches.
   * @throws UploadError if the body is refused
   * @throws StorageError `store_exists` if `onlyNew` is set and there is an object; `store_full`
   */
  async put(key: string, upload: Upload): Promise<StoredObject> {
    return putVerified(this.#store, routedKey(key), upload, { keep: true });
  }

  /** Removes an object. Succeeds if there is none. */
  async delete(key: string): Promise<void> {
    await this.#store.delete(routedKey(key));
  }
}

/**
 * Stores a body when all of it has arrived and matches what the client states. The ETag is its MD5.
 * @throws UploadError, StorageError
 */
export async function putVerified(
  store: RoutedStore,
  storeKey: string,
  upload: Upload,
  { keep }: { readonly keep: boolean },
): Promise<StoredObject> {
  const { sizeBytes, maxBytes, counting, headers, onlyNew, signal } = upload;
  if (sizeBytes !== null && sizeBytes > maxBytes) throw tooLarge(maxBytes);
  const checksums = await StatedChecksums.of(counting);
  const md5 = createHash('md5');
  let etag = '';
  const body = verified(upload, async (chunk) => {
    if (chunk === null) {
      await checksums.verify();
      etag = `"${md5.digest('hex')}"`;
      return;
    }
    md5.update(chunk);
    checksums.update(chunk);
  });
  return store.put(storeKey, body, {
    headers,
    sizeBytes,
    metadata: () => ({ [ETAG_METADATA]: etag }),
    userMetadata: userMetadata(counting),
    ifNoneMatch: onlyNew ? '*' : undefined,
    keep,
    signal,
  });
}

/** The ETag that clients see. */
export function entityTag({ metadata, etag }: Pick<MeasuredObject, 'metadata' | 'etag'>): string | null {
  return metadata[ETAG_METADATA] ?? etag;
}

/** The user metadata of an object: names without `x-amz-meta-`. */
export function userMetadataOf({ metadata }: Pick<StoredObject, 'metadata'>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => name !== ETAG_METADATA));
}

const META = 'x-amz-meta-';

export function userMetadata(counting: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(counting)
      .filter(([name]) => name.startsWith(META))
      .map(([name, value]) => [name.slice(META.length), value]),
  );
}

/**
 * Passes a body on. Calls `examine` with each chunk, and with null at the end.
 * @throws UploadError if there are other bytes than announced, or more than an object may have
 */
async function* verified(
  { body, sizeBytes, maxBytes }: Upload,
  examine: (chunk: Uint8Array | null) => Promise<void>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let received = 0;
  for await (const chunk of body) {
    received += chunk.length;
    if (received > maxBytes) throw tooLarge(maxBytes);
    await examine(chunk);
    yield chunk;
  }
  if (sizeBytes !== null && received !== sizeBytes)
    throw new UploadError('upload_incomplete', `the body has ${received} bytes instead of ${sizeBytes}`);
  await examine(null);
}

function tooLarge(maxBytes: number): UploadError {
  return new UploadError('upload_too_large', `an object may have at most ${maxBytes} bytes`);
}
