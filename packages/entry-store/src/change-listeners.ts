import type { Change, ChangeListener } from './entry-store.ts';

/** The subscribers to changes. An error thrown by a listener affects neither the other listeners nor the store. */
export class ChangeListeners {
  readonly #subscriptions = new Set<{ readonly listener: ChangeListener }>();
  readonly #onError: (error: Error) => void;

  constructor(onError: (error: Error) => void) {
    this.#onError = onError;
  }

  add(listener: ChangeListener): Disposable {
    // Each subscription is an object, because the same function may subscribe twice.
    const subscription = { listener };
    this.#subscriptions.add(subscription);
    return { [Symbol.dispose]: () => void this.#subscriptions.delete(subscription) };
  }

  notify(change: Change): void {
    for (const { listener } of this.#subscriptions) {
      try {
        listener(change);
      } catch (error) {
        this.#onError(error instanceof Error ? error : new Error(String(error)));
      }
    }
  }

  clear(): void {
    this.#subscriptions.clear();
  }
}
