import { RedisChangeFeed, type RedisChangeFeedOptions } from '@cloud-mirror/redis';
import type { ObjectId } from '@cloud-mirror/mirrored-objects';
import type { ChangeListener } from '../entry-store.ts';
import { ChangeListeners } from '../change-listeners.ts';

/** The message published when all entries of some back ends are dropped. */
export const FLUSH_MESSAGE = 'flush';

/** The message that names one object on the channel. */
export function changeMessage(id: ObjectId): string {
  return `${id.backend} ${id.sha256}`;
}

/**
 * Changes of entries, received from Redis. All listeners of this process share one connection, which opens with the
 * first of them. A gap in the subscription reaches them as `lost`.
 */
export class EntryChanges implements AsyncDisposable {
  readonly #listeners: ChangeListeners;
  readonly #feed: RedisChangeFeed;

  constructor(options: Omit<RedisChangeFeedOptions, 'onMessage' | 'onGap'>) {
    this.#listeners = new ChangeListeners(options.onError);
    this.#feed = new RedisChangeFeed({
      ...options,
      onMessage: (message) => this.#receive(message),
      onGap: () => this.#listeners.notify({ type: 'lost' }),
    });
  }

  subscribe(listener: ChangeListener): Disposable {
    const subscription = this.#listeners.add(listener);
    this.#feed.open();
    return subscription;
  }

  /** Why the last attempt to subscribe failed; `null` while subscribed, and before the first attempt. */
  get failure(): Error | null {
    return this.#feed.failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
    await this.#feed[Symbol.asyncDispose]();
  }

  #receive(message: string): void {
    if (message === FLUSH_MESSAGE) return this.#listeners.notify({ type: 'flushed' });
    const [, backend, sha256, pending] = /^(\S+) ([0-9a-f]{64})( pending)?$/.exec(message) ?? [];
    if (backend === undefined || sha256 === undefined) return;
    this.#listeners.notify({ type: 'changed', id: { backend, sha256 }, pending: pending !== undefined });
  }
}
