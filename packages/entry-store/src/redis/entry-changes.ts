import { RedisChangeFeed, type RedisChangeFeedOptions } from '@cloud-mirror/redis';
import type { ObjectId } from '@cloud-mirror/mirrored-objects';
import type { ChangeListener } from '../entry-store.ts';
import { ChangeListeners } from '../change-listeners.ts';

/** What is published when the entries of whole back ends are removed. */
export const FLUSH_MESSAGE = 'flush';

/** How one object is named on the channel. */
export function changeMessage(id: ObjectId): string {
  return `${id.backend} ${id.sha256}`;
}

/**
 * Changes of entries as Redis publishes them: one connection for all listeners of this process, opened with the first
 * of them. A gap in the subscription is told as `lost`.
 */
export class EntryChanges implements AsyncDisposable {
  readonly #listeners: ChangeListeners;
  readonly #feed: RedisChangeFeed;

  constructor(options: Omit<RedisChangeFeedOptions, 'onMessage' | 'onGap'>) {
    this.#listeners = new ChangeListeners(options.onError);
    this.#feed = new RedisChangeFeed({
      ...options,
      onMessage: (message) => this.#hear(message),
      onGap: () => this.#listeners.tell({ type: 'lost' }),
    });
  }

  subscribe(listener: ChangeListener): Disposable {
    const subscription = this.#listeners.add(listener);
    this.#feed.open();
    return subscription;
  }

  /** Why the last try to subscribe failed; `null` while it stands, and before it was tried. */
  get failure(): Error | null {
    return this.#feed.failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
    await this.#feed[Symbol.asyncDispose]();
  }

  #hear(message: string): void {
    if (message === FLUSH_MESSAGE) return this.#listeners.tell({ type: 'flushed' });
    const [, backend, sha256, pending] = /^(\S+) ([0-9a-f]{64})( pending)?$/.exec(message) ?? [];
    if (backend === undefined || sha256 === undefined) return;
    this.#listeners.tell({ type: 'changed', id: { backend, sha256 }, pending: pending !== undefined });
  }
}
