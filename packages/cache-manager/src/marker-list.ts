import type { StorageProvider } from '@cloud-mirror/storage-provider';
import {
  MARKER_PREFIX,
  parsePurgeLogKey,
  PURGE_LOG_PREFIX,
  purgeLogSince,
  purgeLogStart,
} from '@cloud-mirror/mirrored-objects';
import { MarkerTable } from './marker-table.ts';
import { storeFailureOf } from './store-failure.ts';

/** Up to so many keys below `purged/`, all of them are listed each time. Stores list 1,000 at a time. */
const FEW_KEYS = 2_000;
/** Above that, markers are listed by the first digit of their digest, all at once. */
const DIGITS = '0123456789abcdef';
/** How often all markers are listed while the log does not reach back far enough. */
const WHOLE_AGAIN_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** The log is read for so much longer than an entry lives. */
const LOG_MARGIN_MS = 3 * DAY_MS;
/** Each reading of the log goes back so far. Longer than a purge may take to write into it. */
const LOG_OVERLAP_MS = 15 * 60_000;
/** Some 180 MB. Beyond it, an object that is not in the list costs a HEAD. */
const MOST_MARKERS = 3_000_000;

export interface MarkerListOptions {
  /** The longest life of an entry: `entries.ttlSeconds`. */
  readonly entryLifeMs: number;
  /** Default {@link FEW_KEYS}. */
  readonly fewKeys?: number | undefined;
}

/**
 * The purge markers of one back end, as far as this process knows them. A client is redirected to an entry's copy only if
 * the entry's generation equals the one in this list, so that an entry store that lost its newest writes cannot bring a
 * purged copy back. The list is therefore read again before a new connection to the entry store is trusted, and once a
 * minute.
 *
 * A listing has the names of the markers but not their generations. Each generation is read by HEAD when first needed and
 * kept until the marker is written again.
 *
 * While there are few markers, each reading lists all of them. When there are many, it lists what is new in the log of purges.
 * That is enough, because an entry from before a purge ends with its life: a process that starts reads the log for an entry's
 * life and {@link LOG_MARGIN_MS} more, and lists all markers if the log does not reach back that far, as after an upgrade. An
 * entry older than that is confirmed by a HEAD.
 */
export class MarkerList {
  readonly #store: StorageProvider;
  readonly #fewKeys: number;
  readonly #windowMs: number;
  readonly #markers = new MarkerTable();
  #trustedEpoch: number | null = null;
  #sequence = 0;
  #storeMissing = false;
  #loading: { readonly epoch: number; readonly done: Promise<void> } | null = null;
  #hasMany = false;
  /**
   * When the log was last read: a time that the store's clock had certainly reached, in milliseconds since 1970, and the time of
   * this process, by `performance.now()`. The newest time in the log and the time since then tell, whatever the clock here says.
   */
  #logRead: { readonly storeMs: number; readonly atMs: number } | null = null;
  /** When all markers were last listed because the log did not reach back far enough, by `performance.now()`. */
  #wholeAtMs = -Infinity;
  #needsWhole = true;
  #readingWhole: Promise<void> | null = null;
  /** Entries that were written before may have been purged without a trace in this list. Milliseconds since 1970. */
  #coversSinceMs = -Infinity;
  /** Sequence numbers of earlier readings, each an hour or more after the one before, to forget what is too old. */
  readonly #checkpoints: { readonly atMs: number; readonly sequence: number }[] = [];

  constructor(store: StorageProvider, options: MarkerListOptions = { entryLifeMs: 366 * DAY_MS }) {
    this.#store = store;
    this.#fewKeys = options.fewKeys ?? FEW_KEYS;
    this.#windowMs = options.entryLifeMs + LOG_MARGIN_MS;
  }

  /** Whether the list was read since connection number `epoch` to the entry store was opened. */
  trusts(epoch: number): boolean {
    return this.#trustedEpoch === epoch;
  }

  /** Whether the last reading found that the bucket or folder itself does not exist. */
  get storeMissing(): boolean {
    return this.#storeMissing;
  }

  /** The number of markers, and the bytes that they take. */
  get size(): { readonly markers: number; readonly bytes: number } {
    return { markers: this.#markers.size, bytes: this.#markers.bytes };
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
    if (!this.#hasMany && !(await this.#readFew(begun, signal))) this.#hasMany = true;
    if (this.#hasMany) await this.#readNew(begun, signal);
    if (this.#trustedEpoch === null || epoch > this.#trustedEpoch) this.#trustedEpoch = epoch;
  }

  /** Lists everything below `purged/`. @returns false, and stops, if that is much */
  async #readFew(begun: number, signal: AbortSignal | undefined): Promise<boolean> {
    let keys = 0;
    for await (const { key, etag } of this.#store.list(MARKER_PREFIX, { signal })) {
      this.#see(key, etag, begun);
      keys += 1;
      if (keys > this.#fewKeys) return false;
    }
    this.#markers.deleteOlderThan(begun);
    return true;
  }

  async #readNew(begun: number, signal: AbortSignal | undefined): Promise<void> {
    const nowMs = Date.now();
    const fromMs = nowMs - this.#windowMs;
    if (this.#needsWhole && performance.now() - this.#wholeAtMs > WHOLE_AGAIN_MS) {
      const sinceMs = await purgeLogSince(this.#store, signal);
      this.#needsWhole = sinceMs === null || sinceMs > fromMs;
      if (this.#needsWhole) {
        // Shared by readings for several connections: what was purged since it began is in the log, which each reads itself.
        this.#readingWhole ??= this.#readWhole(begun, signal).finally(() => (this.#readingWhole = null));
        await this.#readingWhole;
      }
      // The clock of this process may be ahead, so that it read less of the log than it meant to.
      else this.#coversSinceMs = fromMs + DAY_MS;
    }
    const atMs = performance.now();
    const last = this.#logRead ?? { storeMs: fromMs, atMs };
    let storeMs = last.storeMs + (atMs - last.atMs);
    const startAfter = purgeLogStart(last.storeMs - LOG_OVERLAP_MS);
    for await (const { key } of this.#store.list(PURGE_LOG_PREFIX, { startAfter, signal })) {
      const purge = parsePurgeLogKey(key);
      if (purge === null) continue;
      this.#markers.seeGeneration(purge.sha256, purge.generation, begun);
      storeMs = Math.max(storeMs, purge.atMs);
    }
    this.#logRead = { storeMs, atMs };
    if (!this.#needsWhole) this.#forgetOld(nowMs, begun);
  }

  async #readWhole(begun: number, signal: AbortSignal | undefined): Promise<void> {
    const ended = new AbortController();
    const either = AbortSignal.any(signal === undefined ? [ended.signal] : [ended.signal, signal]);
    const readAll = async (digit: string): Promise<void> => {
      for await (const { key, etag } of this.#store.list(MARKER_PREFIX + digit, { signal: either }))
        this.#see(key, etag, begun);
    };
    try {
      await Promise.all([...DIGITS].map(readAll));
    } finally {
      ended.abort();
    }
    this.#markers.deleteOlderThan(begun);
    this.#wholeAtMs = performance.now();
    this.#coversSinceMs = -Infinity;
  }

  #see(key: string, etag: string | null, asOf: number): void {
    const sha256 = key.slice(MARKER_PREFIX.length);
    if (/^[0-9a-f]{64}$/.test(sha256)) this.#markers.seeEtag(sha256, etag, asOf);
  }

  /** Forgets markers from before the window, so that the list does not grow for ever. */
  #forgetOld(nowMs: number, begun: number): void {
    const last = this.#checkpoints.at(-1);
    if (last === undefined || nowMs - last.atMs > WHOLE_AGAIN_MS)
      this.#checkpoints.push({ atMs: nowMs, sequence: begun });
    const [oldest] = this.#checkpoints;
    if (oldest === undefined || nowMs - oldest.atMs < this.#windowMs) return;
    this.#checkpoints.shift();
    this.#markers.deleteOlderThan(oldest.sequence);
    this.#coversSinceMs = nowMs - this.#windowMs + DAY_MS;
  }

  /**
   * Whether `generation` is the object's current one as far as this process knows; empty if there is no marker. False if it
   * does not know.
   * @param entrySinceMs when the entry with this generation was written, in milliseconds since 1970
   */
  knows(sha256: string, generation: string, entrySinceMs = Infinity): boolean {
    const same = this.#markers.compare(sha256, generation);
    if (same !== null) return same;
    return generation === '' && entrySinceMs >= this.#coversSinceMs && this.#markers.size < MOST_MARKERS;
  }

  /** Returns a sequence number. Call it before a HEAD of a marker, and pass the number to {@link note} with the result. */
  beginReading(): number {
    return ++this.#sequence;
  }

  /** Records the result of a HEAD of the marker, unless it is older than the known state. */
  note(sha256: string, marker: { generation: string; etag: string | null }, asOf: number): void {
    if (this.#markers.asOf(sha256) > asOf) return;
    if (marker.generation === '') this.#markers.delete(sha256);
    else this.#markers.set(sha256, marker.generation, marker.etag, asOf);
  }
}
