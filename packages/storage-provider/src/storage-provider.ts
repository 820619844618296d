import type { ObjectAddresses } from './object-addresses.ts';
import type { ObjectLister } from './object-lister.ts';
import type { ObjectReader } from './object-reader.ts';
import type { ObjectWriter } from './object-writer.ts';
import type { StoreClock } from './store-clock.ts';
import type { StorePlace } from './store-place.ts';

/**
 * The store of the copies of one back end (one region of one service).
 *
 * Contract for every adapter:
 * - Keys are opaque strings of at most {@link StorageProvider.maxKeyBytes} bytes of UTF-8; any Unicode text is a key.
 * - Absence is a value (`null`, an empty listing), never an exception. A missing permission is not absence: it throws.
 * - Every method may be called concurrently, even for the same key. The last completed write of a key wins.
 * - Every method rejects with a {@link StorageError}, or with the signal's reason once `signal` is aborted.
 * - A read sees every write that completed before the read began.
 *
 * Each facet has its own file. A function that needs only one facet should take only that facet.
 */
export interface StorageProvider
  extends ObjectReader, ObjectWriter, ObjectLister, ObjectAddresses, StorePlace, AsyncDisposable {
  /** Maximum length of a key, in bytes of UTF-8. */
  readonly maxKeyBytes: number;

  readonly clock: StoreClock;

  /** Closes connections and aborts running calls. */
  [Symbol.asyncDispose](): Promise<void>;
}
