import type { Change } from '@cloud-mirror/entry-store';
import type { ObjectId } from '@cloud-mirror/mirrored-objects';

/**
 * Requests that wait for an object's entry to leave the state `pending`. A wake-up carries no information: the request reads
 * the entry again. The caller's slow poll compensates for lost messages.
 */
export class ChangeWaiters {
  readonly #waiting = new Map<string, Set<() => void>>();
  #count = 0;

  /** Number of waiting requests. */
  get count(): number {
    return this.#count;
  }

  /** Registers a waiter. Must be called before reading the entry, so that no change between the two is missed. */
  listen(id: ObjectId): ChangeWaiter {
    const name = nameOf(id);
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiters = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiters.add(resolve));
    this.#count++;
    return {
      changed: promise,
      [Symbol.dispose]: () => {
        if (!waiters.delete(resolve)) return;
        this.#count--;
        if (waiters.size === 0 && this.#waiting.get(name) === waiters) this.#waiting.delete(name);
      },
    };
  }

  /** Handles a message of the entry store. If messages may be missing, it wakes every waiter. */
  notify(change: Change): void {
    if (change.type === 'changed') {
      if (change.pending) return;
      for (const wake of this.#waiting.get(nameOf(change.id)) ?? []) wake();
      return;
    }
    for (const waiters of this.#waiting.values()) for (const wake of waiters) wake();
  }
}

export interface ChangeWaiter extends Disposable {
  /** Resolves at the next change to a state other than `pending`. Never rejects. */
  readonly changed: Promise<void>;
}

function nameOf(id: ObjectId): string {
  return `${id.backend}:${id.sha256}`;
}
