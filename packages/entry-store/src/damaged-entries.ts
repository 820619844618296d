import type { ObjectId } from '@cloud-mirror/mirrored-objects';

/** The most objects that one process reports. Without a bound, damaged entries could fill the log. */
const MAX_REPORTED = 1_000;

/** A value in the entry store is not a valid entry. It counts as absent. */
export class DamagedEntryError extends Error {
  override readonly name = 'DamagedEntryError';
  readonly code = 'entry_damaged';
}

/** Reports each damaged entry once. */
export class DamagedEntries {
  readonly #reported = new Set<string>();
  readonly #onError: (error: Error) => void;

  constructor(onError: (error: Error) => void) {
    this.#onError = onError;
  }

  report({ backend, sha256 }: ObjectId): void {
    const name = `${backend} ${sha256}`;
    if (this.#reported.has(name) || this.#reported.size >= MAX_REPORTED) return;
    this.#reported.add(name);
    this.#onError(
      new DamagedEntryError(
        `the entry of ${name} is damaged or was not written by a mirror; it counts as absent`,
      ),
    );
  }
}
