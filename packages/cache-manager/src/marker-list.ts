import type { StorageProvider } from '@cloud-mirror/storage-provider';
import { MARKER_PREFIX } from '@cloud-mirror/mirrored-objects';
import { storeFailureOf } from './store-failure.ts';

/** `unknown`: there is a marker, but nobody has read its generation since it was last written. */
export type KnownGeneration =
  { readonly known: true; readonly generation: string } | { readonly known: false };

interface Marker {
  readonly etag: string | null;
  /** `null` until a HEAD told. */
  readonly generation: string | null;
  /** Sequence number of the reading that told: a list begun earlier must not overwrite it. */
  readonly asOf: number;
}

/**
 * What this process knows of the purge markers of one back end. An entry is redirected to only where its generation is
 * the one known here, so that an entry store that lost its newest writes cannot bring back what was purged. For that
 * the list is read anew before a new connection to the entry store is trusted, and once a minute.
 *
 * A listing names the markers but not their generations; those are read by HEAD when first needed and kept while the
 * marker's ETag stays the same.
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

  /** Whether the list was read since the entry store's connection number `epoch` was opened. */
  trusts(epoch: number): boolean {
    return this.#trustedEpoch === epoch;
  }

  /** Whether the last reading found that the place of copies itself is not there. */
  get storeMissing(): boolean {
    return this.#storeMissing;
  }

  /**
   * Reads the list for connection number `epoch`; calls that ask for the same share one reading.
   * @throws StorageError where the store cannot be asked; the former list stays
   */
  async load(epoch: number, signal?: AbortSignal): Promise<void> {
    if (this.#loading?.epoch === epoch) return this.#loading.done;
    const done = this.#tell(this.#read(epoch, signal)).finally(() => {
      if (this.#loading?.done === done) this.#loading = null;
    });
    this.#loading = { epoch, done };
    return done;
  }

  async #tell(reading: Promise<void>): Promise<void> {
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

  /** The generation of an object as far as this process knows. Empty: no marker. */
  generationOf(sha256: string): KnownGeneration {
    const marker = this.#markers.get(sha256);
    if (marker === undefined) return { known: true, generation: '' };
    return marker.generation === null ? { known: false } : { known: true, generation: marker.generation };
  }

  /** A number to take before a marker's HEAD begins and to hand to {@link note} with its result. */
  beginReading(): number {
    return ++this.#sequence;
  }

  /** Remembers what a HEAD of the marker said. Older news than what is known is ignored. */
  note(sha256: string, marker: { generation: string; etag: string | null }, asOf: number): void {
    const before = this.#markers.get(sha256);
    if (before !== undefined && before.asOf > asOf) return;
    if (marker.generation === '') this.#markers.delete(sha256);
    else this.#markers.set(sha256, { ...marker, asOf });
  }
}
