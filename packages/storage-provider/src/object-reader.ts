import type { CallOptions, StoredObject } from './stored-object.ts';

/** Facet of a store: reads objects. */
export interface ObjectReader {
  /** The description of the object at `key`; `null` if there is none. */
  head(key: string, options?: CallOptions): Promise<StoredObject | null>;

  /**
   * Opens an object, or a range of its bytes, for reading; `null` if there is no object at `key`. The caller reads the
   * body to its end or disposes of it. If the object is replaced during the read, the body yields the old bytes or throws.
   */
  open(key: string, options?: OpenOptions): Promise<OpenedBody | null>;
}

export interface OpenOptions extends CallOptions {
  /** Default: the whole object. */
  readonly range?: ByteRange | undefined;
}

/** A range of bytes. It is cut at the end of the object, so fewer bytes, or none, may be read. */
export interface ByteRange {
  /** Offset of the first byte, from 0. */
  readonly start: number;
  readonly endExclusive: number;
}

export interface OpenedBody extends AsyncDisposable {
  readonly object: StoredObject;
  /**
   * Can be read once. Throws a StorageError if the connection breaks or the store stalls, and the signal's reason once it
   * is aborted.
   */
  readonly body: AsyncIterable<Uint8Array>;
}
