import type { ObjectAddresses } from './object-addresses.ts';
import type { ObjectLister } from './object-lister.ts';
import type { ObjectReader } from './object-reader.ts';
import type { ObjectWriter } from './object-writer.ts';
import type { StorePlace } from './store-place.ts';

/**
 * Where the copies of one back end (one region of one service) live.
 *
 * Contract for every adapter:
 * - Keys are opaque strings of at most {@link StorageProvider.maxKeyBytes} bytes of UTF-8; any Unicode text is a key.
 * - Absence is a value (`null`, an empty listing), never an exception. "May not look" is not absence: it throws.
 * - Every method may be called concurrently, also for one key; the last completed write of a key wins.
 * - Every method rejects with a {@link StorageError}, or with the signal's reason once `signal` is aborted.
 * - Reads see every write that completed before they began.
 *
 * Each facet has a file of its own. Whoever needs one facet only should ask for that.
 */
export interface StorageProvider
  extends ObjectReader, ObjectWriter, ObjectLister, ObjectAddresses, StorePlace, AsyncDisposable {
  /** Longest key this store takes, in bytes of UTF-8. */
  readonly maxKeyBytes: number;

  /** Closes connections. Calls under way are cut. */
  [Symbol.asyncDispose](): Promise<void>;
}
