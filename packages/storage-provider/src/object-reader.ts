import type { CallOptions, StoredObject } from './stored-object.ts';

/** Facet of a store: reads objects. */
export interface ObjectReader {
  /** What is stored under `key`; `null` where nothing is. */
  head(key: string, options?: CallOptions): Promise<StoredObject | null>;

  /**
   * Opens an object, or a range of its bytes; `null` where nothing is stored under `key`. The caller reads the body, or
   * disposes of it. An object that is replaced meanwhile is read as it was, or the body throws.
   */
  open(key: string, options?: OpenOptions): Promise<OpenedBody | null>;
}

export interface OpenOptions extends CallOptions {
  /** The whole object where absent. */
  readonly range?: ByteRange | undefined;
}

/** Cut to the object's size, so that it may have fewer bytes, or none. */
export interface ByteRange {
  /** The first byte, from 0. */
  readonly start: number;
  readonly endExclusive: number;
}

export interface OpenedBody extends AsyncDisposable {
  readonly object: StoredObject;
  /**
   * To be read once. Throws a StorageError where the store breaks off or falls silent, and the signal's reason once it is
   * aborted.
   */
  readonly body: AsyncIterable<Uint8Array>;
}
