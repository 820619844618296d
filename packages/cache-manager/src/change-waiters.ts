import type { Change } from '@cloud-mirror/entry-store';
import type { ObjectId } from '@cloud-mirror/mirrored-objects';

/**
 * Requests that wait for an object's entry to be pending no more. A wake-up says only that the entry is worth another look, so
 * nothing depends on its content, and a slow poll of the caller makes up for one that got lost.
 */
export class ChangeWaiters {
  readonly #waiting = new Map<string, Set<() => void>>();
  #count = 0;

  /** Requests waiting now. */
  get count(): number {
    return this.#count;
  }

  /** Begin to listen before reading the entry, so that no change falls between the two. */
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

  /** Takes what the entry store tells. Where messages may be missing everybody looks again. */
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
  /** Resolves at the next change to anything but pending; never rejects. */
  readonly changed: Promise<void>;
}

function nameOf(id: ObjectId): string {
  return `${id.backend}:${id.sha256}`;
}
