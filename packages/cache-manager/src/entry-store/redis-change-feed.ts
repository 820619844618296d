import type { Redis } from 'ioredis';
import type { ChangeListener } from '../entry-store.ts';
import type { ObjectId } from '../object-id.ts';
import { ChangeListeners } from './change-listeners.ts';
import { reconnectDelayMs, subscriberClient } from './redis-connection.ts';
import type { RedisConnection, RedisTimeLimits } from './redis-connection.ts';

export interface RedisChangeFeedOptions {
  readonly connection: RedisConnection;
  readonly channel: string;
  readonly limits: RedisTimeLimits;
  readonly onError: (error: Error) => void;
}

/** What is published when entries of whole back ends went. */
export const FLUSH_MESSAGE = 'flush';

/** How often a quiet subscription is asked whether it is alive: a cut network says nothing by itself. */
const HEARTBEAT_MS = 5_000;

/** How one object is named on the channel. */
export function changeMessage(id: ObjectId): string {
  return `${id.backend} ${id.sha256}`;
}

/**
 * Changes as Redis publishes them: one connection for all listeners of this process, opened with the first of them.
 * Listeners are told `lost` when the subscription breaks and again when it stands, also the first time: what was
 * changed in between was told to nobody.
 */
export class RedisChangeFeed implements AsyncDisposable {
  readonly #options: RedisChangeFeedOptions;
  readonly #listeners: ChangeListeners;
  #client: Redis | null = null;
  #attempt = 0;
  #opened = false;
  #closed = false;
  #subscribed = false;
  #failure: Error | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RedisChangeFeedOptions) {
    this.#options = options;
    this.#listeners = new ChangeListeners(options.onError);
  }

  subscribe(listener: ChangeListener): Disposable {
    const subscription = this.#listeners.add(listener);
    if (!this.#opened && !this.#closed) {
      this.#opened = true;
      this.#connect();
    }
    return subscription;
  }

  /** Why the last try to subscribe failed; `null` while it stands, and before it was tried. */
  get failure(): Error | null {
    return this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    clearTimeout(this.#timer);
    this.#client?.disconnect();
  }

  #connect(): void {
    const { connection, limits, onError } = this.#options;
    const client = subscriberClient(connection, this.#attempt, limits);
    this.#client = client;
    client.on('error', onError);
    client.on('message', (_channel: string, message: string) => this.#hear(message));
    client.once('end', () => this.#ended());
    this.#start(client).catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      if (!this.#closed) onError(this.#failure);
      client.disconnect();
    });
  }

  async #start(client: Redis): Promise<void> {
    await client.connect();
    await client.subscribe(this.#options.channel);
    this.#attempt = 0;
    this.#subscribed = true;
    this.#failure = null;
    this.#listeners.tell({ type: 'lost' });
    this.#beat(client);
  }

  /** A PING that goes unanswered ends the connection, by the socket's time limit. */
  #beat(client: Redis): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      client.ping().then(
        () => this.#beat(client),
        () => client.disconnect(),
      );
    }, HEARTBEAT_MS);
    this.#timer.unref();
  }

  #ended(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    if (this.#subscribed) {
      this.#subscribed = false;
      this.#listeners.tell({ type: 'lost' });
    }
    this.#attempt += 1;
    this.#timer = setTimeout(() => this.#connect(), reconnectDelayMs(this.#attempt));
    this.#timer.unref();
  }

  #hear(message: string): void {
    if (message === FLUSH_MESSAGE) return this.#listeners.tell({ type: 'flushed' });
    const [, backend, sha256, pending] = /^(\S+) ([0-9a-f]{64})( pending)?$/.exec(message) ?? [];
    if (backend === undefined || sha256 === undefined) return;
    this.#listeners.tell({ type: 'changed', id: { backend, sha256 }, pending: pending !== undefined });
  }
}
