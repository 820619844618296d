import type { CallOptions, ObjectHeaders, StoredObject } from './stored-object.ts';

/** Facet of a store: stores and removes objects. */
export interface ObjectWriter {
  /**
   * Stores an object, all or nothing: no reader ever sees a part of it, and nothing stays behind (no open upload, no
   * temporary file) when it fails. `body` is read to its end before anything becomes visible, so a body that throws,
   * at the end as well, stores nothing and the error of the body is what `put` rejects with.
   * A chunk of `body` may lose its bytes, or have others, as soon as the next one is asked for.
   * A body of another length than `options.sizeBytes` stores nothing: `store_rejected`, retryable.
   * Bytes are verified on their way: each request carries a checksum that the store checks.
   * @throws StorageError `store_exists` where `options.ifNoneMatch` is set, the store honours it and the key is taken
   */
  put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject>;

  /** Removes an object. One that is not there is removed already. Each call is tried once: no late repetition. */
  delete(key: string, options?: CallOptions): Promise<void>;
}

export interface PutOptions extends CallOptions {
  readonly headers: ObjectHeaders;
  /** Bytes that `body` will yield; `null` where nobody knows yet. A body of another length fails the put. */
  readonly sizeBytes: number | null;
  /**
   * Metadata to store, names in lower case, values any text (adapters encode what their store cannot hold).
   * Asked when it has to be sent: for a multipart upload that is before the body was read.
   */
  readonly metadata: () => Readonly<Record<string, string>>;
  /**
   * What the origin's users said of the object, stored beside `metadata` as far as there is room: each value whole or
   * not at all, in this order. A name that `metadata` has as well is left out. The caller has checked that stores take
   * the names for nothing else.
   */
  readonly userMetadata?: Readonly<Record<string, string>> | undefined;
  /** `*`: only if the key is free. Ignored by stores that do not honour it. */
  readonly ifNoneMatch?: '*' | undefined;
  /** Only over the object with this ETag. Ignored by stores that do not honour it. */
  readonly ifMatch?: string | undefined;
  /**
   * How often a request to the store is tried at most; the adapter's own setting where absent. 1: nothing is ever
   * repeated, so nothing of this put arrives after it was settled by the store's answer.
   */
  readonly attempts?: number | undefined;
  /**
   * The object is never removed to make room for others. Its bytes count like those of any other object. Default false.
   * For stores of limited room; others keep objects by the rules of `prepare`.
   */
  readonly keep?: boolean | undefined;
  /** Called as the store takes bytes: the sum so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}
