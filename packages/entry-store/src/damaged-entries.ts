import type { ObjectId } from '@cloud-mirror/mirrored-objects';

/** Objects that are told of in the life of a process: whoever damages entries must not fill the log. */
const MOST_TOLD = 1_000;

/** A text in the entry store that is no entry. It counts as absent. */
export class DamagedEntryError extends Error {
  override readonly name = 'DamagedEntryError';
  readonly code = 'entry_damaged';
}

/** Tells of each damaged entry once. */
export class DamagedEntries {
  readonly #told = new Set<string>();
  readonly #tell: (error: Error) => void;

  constructor(tell: (error: Error) => void) {
    this.#tell = tell;
  }

  tell({ backend, sha256 }: ObjectId): void {
    const name = `${backend} ${sha256}`;
    if (this.#told.has(name) || this.#told.size >= MOST_TOLD) return;
    this.#told.add(name);
    this.#tell(
      new DamagedEntryError(
        `the entry of ${name} is damaged or was not written by a mirror; it counts as absent`,
      ),
    );
  }
}
