import type { StorageProvider } from '@cloud-mirror/storage-provider';
import { MARKER_PREFIX } from '@cloud-mirror/mirrored-objects';
import { storeFailureOf } from './store-failure.ts';

/** `known: false` if there is a marker whose generation was not read since it was last written. */
export type KnownGeneration =
  { readonly known: true; readonly generation: string } | { readonly known: false };

interface Marker {
  readonly etag: string | null;
  /** `null` until a HEAD has read it. */
  readonly generation: string | null;
  /** Sequence number of the reading that found the marker. A reading that began earlier must not overwrite it. */
  readonly asOf: number;
}

/**
 * The purge markers of one back end, as far as this process knows them. A client is redirected to an entry's copy only if
 * the entry's generation equals the one in this list, so that an entry store that lost its newest writes cannot bring a
 * purged copy back. The list is therefore read again before a new connection to the entry store is trusted, and once a
 * minute.
 *
 * A listing has the names of the markers but not their generations. Each generation is read by HEAD when first needed and
 * kept until the marker's ETag changes.
 */
export class MarkerList {
  readonly #store: StorageProvider;
  #markers = new Map<string, Marker>();
  #trustedEpoch: number | null = null;
  #sequence = 0;
  #storeMissing = false;
  #loading: { readonly epoch: number; readonly done: Promise<void> } | null = null;

  constructor(store: StorageProvider) {
    this.#store = store;
  }

  /** Whether the list was read since connection number `epoch` to the entry store was opened. */
  trusts(epoch: number): boolean {
    return this.#trustedEpoch === epoch;
  }

  /** Whether the last reading found that the bucket or folder itself does not exist. */
  get storeMissing(): boolean {
    return this.#storeMissing;
  }

  /**
   * Reads the list for connection number `epoch`. Concurrent calls for the same epoch share one reading (single flight).
   * @throws StorageError if the store cannot be read; the previous list stays
   */
  async load(epoch: number, signal?: AbortSignal): Promise<void> {
    if (this.#loading?.epoch === epoch) return this.#loading.done;
    const done = this.#recordOutcome(this.#read(epoch, signal)).finally(() => {
      if (this.#loading?.done === done) this.#loading = null;
    });
    this.#loading = { epoch, done };
    return done;
  }

  async #recordOutcome(reading: Promise<void>): Promise<void> {
    try {
      await reading;
      this.#storeMissing = false;
    } catch (error) {
      this.#storeMissing = storeFailureOf(error) === 'store_missing';
      throw error;
    }
  }

  async #read(epoch: number, signal: AbortSignal | undefined): Promise<void> {
    const begun = ++this.#sequence;
    const markers = new Map<string, Marker>();
    for await (const { key, etag } of this.#store.list(MARKER_PREFIX, { signal })) {
      const sha256 = key.slice(MARKER_PREFIX.length);
      const before = this.#markers.get(sha256);
      const same = before !== undefined && etag !== null && before.etag === etag;
      markers.set(sha256, { etag, generation: same ? before.generation : null, asOf: begun });
    }
    for (const [sha256, marker] of this.#markers) {
      if (marker.asOf > begun) markers.set(sha256, marker);
    }
    this.#markers = markers;
    if (this.#trustedEpoch === null || epoch > this.#trustedEpoch) this.#trustedEpoch = epoch;
  }

  /** The generation of an object as far as this process knows it; empty if there is no marker. */
  generationOf(sha256: string): KnownGeneration {
    const marker = this.#markers.get(sha256);
    if (marker === undefined) return { known: true, generation: '' };
    return marker.generation === null ? { known: false } : { known: true, generation: marker.generation };
  }

  /** Returns a sequence number. Call it before a HEAD of a marker, and pass the number to {@link note} with the result. */
  beginReading(): number {
    return ++this.#sequence;
  }

  /** Records the result of a HEAD of the marker, unless it is older than the known state. */
  note(sha256: string, marker: { generation: string; etag: string | null }, asOf: number): void {
    const before = this.#markers.get(sha256);
    if (before !== undefined && before.asOf > asOf) return;
    if (marker.generation === '') this.#markers.delete(sha256);
    else this.#markers.set(sha256, { ...marker, asOf });
  }
}
