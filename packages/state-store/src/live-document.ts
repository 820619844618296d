import { pause, runWithin } from '@cloud-mirror/waiting';
import { nextVersion, textOfVersion, versionOfText } from './document-text.ts';
import type { StoredVersion } from './document-text.ts';
import type { LastGoodFiles } from './last-good-files.ts';
import type { StateStore } from './state-store.ts';
import { requireSize, StateError } from './state-store.ts';
import type { WakeUps } from './wake-ups.ts';

export interface LiveDocumentOptions<Value> {
  readonly name: string;
  readonly store: StateStore;
  readonly lastGood: LastGoodFiles;
  readonly wakeUps: WakeUps;
  /** The value of a document that nobody has written. */
  readonly empty: Value;
  /** Validates a stored value. @throws Error if it is invalid; the last good one then stays in force */
  readonly parse: (value: unknown) => Value;
  /** The value in the form in which it is stored, which `parse` accepts. Default: the value itself. */
  readonly serialize?: (value: Value) => unknown;
  /** The longest text of a version, in bytes of UTF-8. */
  readonly maxBytes: number;
  /** Called when the document becomes degraded, with the reason, and with null when it recovers. */
  readonly onDegraded: (reason: Error | null) => void;
}

/** A version of a document. Immutable. */
export interface DocumentVersion<Value> {
  readonly value: Value;
  /** The number of the version and a random part: `17.3f2a9c01`. `0` for a document that nobody has written. */
  readonly revision: string;
}

/** Longest time for one call to the store. */
const CALL_MS = 5_000;
const MOST_CONFLICTS = 10;

/**
 * The current value of a document, in memory. The store is its authority; changes of other processes are in force here as
 * soon as a wake-up arrives, and else at the next regular look, every `store.pollMs`.
 *
 * While the store cannot be read, or holds an invalid value, the last good value stays in force, after a restart too, and
 * the document is degraded.
 */
export class LiveDocument<Value> implements AsyncDisposable {
  readonly #options: LiveDocumentOptions<Value>;
  readonly #closed = new AbortController();
  readonly #listeners: ((version: DocumentVersion<Value>) => void)[] = [];
  #current: DocumentVersion<Value>;
  #stored: StoredVersion | null = null;
  /** The store's own revision of the current version; null if the document does not exist. */
  #storeRevision: string | null = null;
  /** Whether `#storeRevision` is from the store, not unknown after a start from the last good version. */
  #known = false;
  #degraded: Error | null = null;
  /** Reads and writes run one after the other, so that an old read cannot undo a newer change. */
  #queue: Promise<unknown> = Promise.resolve();
  /** A read that is queued but has not begun; later requests join it. */
  #pendingRefresh: Promise<void> | null = null;
  #looking: Promise<void> = Promise.resolve();

  private constructor(options: LiveDocumentOptions<Value>) {
    this.#options = options;
    this.#current = { value: options.empty, revision: '0' };
  }

  /** Reads the document. If the store cannot be read, resolves with the last good version all the same. */
  static async open<Value>(options: LiveDocumentOptions<Value>): Promise<LiveDocument<Value>> {
    const document = new LiveDocument(options);
    await document.refresh();
    if (document.#degraded !== null) await document.#loadLastGood();
    options.wakeUps.subscribe((name) => {
      if (name === null || name === options.name) void document.refresh();
    });
    document.#looking = document.#look();
    return document;
  }

  get current(): DocumentVersion<Value> {
    return this.#current;
  }

  /** Why the store's document cannot be read; null if it can. */
  get degraded(): Error | null {
    return this.#degraded;
  }

  /** Calls `listener` with each new version from now on. */
  onChange(listener: (version: DocumentVersion<Value>) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Changes the document. `change` gets the newest version and returns the new value; it is called again if another
   * process was faster. If it throws, nothing changes and its error is thrown.
   * @returns the version that is now in force, in the store too
   * @throws StateError `state_unavailable`, `state_too_large`, `state_unsupported`, `state_conflict`
   */
  async update(
    change: (newest: DocumentVersion<Value>) => Value | Promise<Value>,
  ): Promise<DocumentVersion<Value>> {
    const changed = await this.#exclusively(async () => {
      for (let tries = 1; ; tries += 1) {
        await this.#read();
        const value = await change(this.#current);
        if (value === this.#current.value) return false;
        try {
          await this.#write(value);
          return true;
        } catch (error) {
          if (!(error instanceof StateError) || error.code !== 'state_conflict' || tries === MOST_CONFLICTS)
            throw error;
        }
      }
    });
    const version = this.#current;
    if (changed) await this.#options.wakeUps.publish(this.#options.name);
    return version;
  }

  /** Reads the document now. Never rejects; {@link degraded} says whether it succeeded. */
  refresh(): Promise<void> {
    this.#pendingRefresh ??= this.#exclusively(async () => {
      this.#pendingRefresh = null;
      if (this.#closed.signal.aborted) return;
      try {
        await this.#read();
      } catch {
        // `#read` has recorded the reason.
      }
    });
    return this.#pendingRefresh;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new StateError('state_unavailable', 'the document was closed'));
    await this.#looking;
    await this.#queue;
  }

  async #look(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      await pause(this.#options.store.pollMs, signal);
      if (!signal.aborted) await this.refresh();
    }
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { name } = this.#options;
    const reason = () =>
      new StateError(
        'state_unavailable',
        `the store of the document ${name} did not answer within ${CALL_MS} ms`,
      );
    return runWithin({ limitMs: CALL_MS, reason, signals: [this.#closed.signal] }, work);
  }

  async #read(): Promise<void> {
    const { name, store } = this.#options;
    const known = this.#known ? (this.#storeRevision ?? undefined) : undefined;
    try {
      const found = await this.#call((signal) => store.read(name, { known, signal }));
      if (found === 'unchanged') return this.#recover();
      if (found === null) {
        const isNew = !this.#known || this.#stored !== null;
        this.#known = true;
        this.#storeRevision = null;
        if (isNew) this.#accept(null, { value: this.#options.empty, revision: '0' });
      } else {
        const stored = versionOfText(name, found.text);
        const value = this.#options.parse(stored.value);
        const isNew = this.#stored?.number !== stored.number || this.#stored.id !== stored.id;
        this.#known = true;
        this.#storeRevision = found.revision;
        if (isNew) {
          this.#accept(stored, { value, revision: revisionOf(stored) });
          await this.#keep(found.text);
        }
      }
    } catch (error) {
      const failure =
        error instanceof StateError
          ? error
          : new StateError(
              'state_unavailable',
              `the document ${name} cannot be used: ${(error as Error).message}`,
              {
                cause: error,
              },
            );
      this.#degrade(failure);
      throw failure;
    }
    this.#recover();
  }

  async #write(value: Value): Promise<void> {
    const { name, store, serialize = (same: Value): unknown => same } = this.#options;
    const version = nextVersion(this.#stored, serialize(value));
    const text = textOfVersion(version);
    requireSize(name, Buffer.byteLength(text), this.#options.maxBytes);
    try {
      this.#storeRevision = await this.#call((signal) =>
        store.write(name, text, { expected: this.#storeRevision, signal }),
      );
    } catch (error) {
      if (!(error instanceof StateError) || error.code !== 'state_unavailable') throw error;
      // The answer may have been lost after the write had happened.
      const found = await this.#call((signal) => store.read(name, { signal })).catch(() => null);
      if (found === null || found === 'unchanged' || found.text !== text) throw error;
      this.#storeRevision = found.revision;
    }
    this.#accept(version, { value, revision: revisionOf(version) });
    await this.#keep(text);
  }

  #accept(stored: StoredVersion | null, version: DocumentVersion<Value>): void {
    this.#stored = stored;
    if (version.revision === this.#current.revision) return;
    this.#current = version;
    for (const listener of this.#listeners) listener(version);
  }

  /** A failure only matters at the next start, when the store cannot be read either. */
  async #keep(text: string): Promise<void> {
    const { name, lastGood } = this.#options;
    await lastGood.save(name, text).catch(() => undefined);
  }

  async #loadLastGood(): Promise<void> {
    const { name, lastGood, parse } = this.#options;
    const text = await lastGood.load(name);
    if (text === null) return;
    try {
      const stored = versionOfText(name, text);
      this.#accept(stored, { value: parse(stored.value), revision: revisionOf(stored) });
    } catch {
      // Without a good version the document is empty, and stays degraded.
    }
  }

  #degrade(reason: StateError): void {
    if (this.#closed.signal.aborted) return;
    const first = this.#degraded === null;
    this.#degraded = reason;
    if (first) this.#options.onDegraded(reason);
  }

  #recover(): void {
    if (this.#degraded === null) return;
    this.#degraded = null;
    this.#options.onDegraded(null);
  }
}

function revisionOf({ number, id }: StoredVersion): string {
  return `${number}.${id}`;
}
