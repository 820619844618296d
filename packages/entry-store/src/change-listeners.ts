import type { Change, ChangeListener } from './entry-store.ts';

/** Everybody who asked to hear of changes. A listener that throws harms neither the others nor the store. */
export class ChangeListeners {
  readonly #listeners = new Set<{ readonly hear: ChangeListener }>();
  readonly #onError: (error: Error) => void;

  constructor(onError: (error: Error) => void) {
    this.#onError = onError;
  }

  add(hear: ChangeListener): Disposable {
    // An object of its own for each subscription: the same function may subscribe twice.
    const listener = { hear };
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  tell(change: Change): void {
    for (const { hear } of this.#listeners) {
      try {
        hear(change);
      } catch (error) {
        this.#onError(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
