import type { CallOptions, ObjectHeaders, StoredObject } from './stored-object.ts';

/** Facet of a store: stores and removes objects. */
export interface ObjectWriter {
  /**
   * Stores an object atomically: no reader sees a partial object, and a failed put leaves nothing behind (no open upload,
   * no temporary file). The object becomes visible only after `body` has ended. If `body` throws, even at its end,
   * nothing is stored and `put` rejects with that error.
   * The body may reuse or detach the memory of a chunk as soon as the next chunk is requested.
   * If the length of the body differs from `options.sizeBytes`, nothing is stored: `store_rejected`, retryable.
   * Bytes are verified in transit: each request has a checksum that the store verifies.
   * @throws StorageError `store_exists` if a condition of `options` does not hold and the store honours conditions
   */
  put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject>;

  /** Removes an object. Succeeds if there is none. Never retried, because a late retry could remove a newer object. */
  delete(key: string, options?: CallOptions): Promise<void>;
}

export interface PutOptions extends CallOptions {
  readonly headers: ObjectHeaders;
  /** Length of `body` in bytes; `null` if it is not known yet. A body of another length fails the put. */
  readonly sizeBytes: number | null;
  /**
   * Returns the metadata to store. Names are in lower case; values are any text, which adapters encode as needed.
   * Called when the metadata is sent. A multipart upload sends it before the whole body is read.
   */
  readonly metadata: () => Readonly<Record<string, string>>;
  /**
   * User metadata of the origin's object, stored in addition to `metadata` within the store's size limit. Values are
   * stored whole or not at all, in this order. Names that are also in `metadata` are skipped. The caller has checked that
   * no name has a special meaning to a store.
   */
  readonly userMetadata?: Readonly<Record<string, string>> | undefined;
  /** `*`: store only if there is no object at the key. Ignored by stores that do not support conditions. */
  readonly ifNoneMatch?: '*' | undefined;
  /** Store only if the current object has this ETag. Ignored by stores that do not support conditions. */
  readonly ifMatch?: string | undefined;
  /**
   * Maximum number of tries of each request to the store. Default: the adapter's setting. With 1 nothing is retried, so
   * no request of this put can reach the store after the put has settled.
   */
  readonly attempts?: number | undefined;
  /**
   * Whether the object is never evicted. Its bytes still count towards the limit. Default false. Only for stores with a
   * size limit; others keep objects according to the rules of `prepare`.
   */
  readonly keep?: boolean | undefined;
  /** Called with the total number of bytes that the store has accepted so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}
