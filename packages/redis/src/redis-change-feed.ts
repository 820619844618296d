import type { Redis } from 'ioredis';
import { reconnectDelayMs, subscriberClient } from './redis-connection.ts';
import type { RedisConnection, RedisTimeLimits } from './redis-connection.ts';
import { watchRefusedConnections } from './refused-connections.ts';

export interface RedisChangeFeedOptions {
  readonly connection: RedisConnection;
  readonly channel: string;
  readonly limits: RedisTimeLimits;
  /** Called with each message that is published on the channel. */
  readonly onMessage: (message: string) => void;
  /** Called when messages may have been missed: when the subscription breaks, and each time that it is established. */
  readonly onGap: () => void;
  readonly onError: (error: Error) => void;
}

/** Interval of PINGs on the subscription. Without them a cut network would go unnoticed. */
const HEARTBEAT_MS = 5_000;

/**
 * A subscription to one channel. It has a separate connection, which {@link open} opens and which reconnects by itself.
 * Redis keeps no messages for an absent subscriber, so the first subscription calls `onGap` too.
 */
export class RedisChangeFeed implements AsyncDisposable {
  readonly #options: RedisChangeFeedOptions;
  #client: Redis | null = null;
  #attempt = 0;
  #opened = false;
  #closed = false;
  #subscribed = false;
  #failure: Error | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RedisChangeFeedOptions) {
    this.#options = options;
  }

  /** Subscribes. Later calls do nothing. */
  open(): void {
    if (this.#opened || this.#closed) return;
    this.#opened = true;
    this.#connect();
  }

  /** Why the last attempt to subscribe failed; `null` while subscribed, and before the first attempt. */
  get failure(): Error | null {
    return this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#client?.disconnect();
  }

  #connect(): void {
    const { connection, limits, onMessage, onError } = this.#options;
    const client = subscriberClient(connection, this.#attempt, limits);
    this.#client = client;
    client.on('error', onError);
    client.on('message', (_channel: string, message: string) => onMessage(message));
    client.once('end', () => this.#ended());
    let refusal: Error | null = null;
    watchRefusedConnections(client, (error) => {
      refusal = error;
    });
    this.#start(client).catch((error: unknown) => {
      this.#failure = refusal ?? (error instanceof Error ? error : new Error(String(error)));
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
    this.#options.onGap();
    this.#beat(client);
  }

  /** An unanswered PING ends the connection through the socket's time limit. */
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
      this.#options.onGap();
    }
    this.#attempt += 1;
    this.#timer = setTimeout(() => this.#connect(), reconnectDelayMs(this.#attempt));
    this.#timer.unref();
  }
}
