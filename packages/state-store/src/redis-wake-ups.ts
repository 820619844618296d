import { RedisChangeFeed, RedisCommands } from '@cloud-mirror/redis';
import type { RedisConnection } from '@cloud-mirror/redis';
import type { WakeUps } from './wake-ups.ts';

export interface RedisWakeUpsOptions {
  readonly connection: RedisConnection;
  /** The channel is `<keyPrefix>:state`. */
  readonly keyPrefix: string;
  readonly commandTimeoutMs: number;
  readonly onError: (error: Error) => void;
}

/** As for the entries: connections to Redis are opened and given up within these times. */
const LIMITS = { connectMs: 2_000, silenceMs: 2_000 } as const;

/** Wakes other processes through a channel of Redis. No document is ever kept in Redis. */
export class RedisWakeUps implements WakeUps {
  readonly #commands: RedisCommands;
  readonly #feed: RedisChangeFeed;
  readonly #channel: string;
  readonly #onError: (error: Error) => void;
  readonly #listeners: ((document: string | null) => void)[] = [];

  constructor({ connection, keyPrefix, commandTimeoutMs, onError }: RedisWakeUpsOptions) {
    this.#channel = `${keyPrefix}:state`;
    this.#onError = onError;
    const common = { connection, limits: LIMITS, onError };
    this.#commands = new RedisCommands({
      ...common,
      commandTimeoutMs,
      scripts: {},
      errorFor: (cause) => new Error('waking the other instances through Redis failed', { cause }),
    });
    this.#feed = new RedisChangeFeed({
      ...common,
      channel: this.#channel,
      onMessage: (document) => this.#wake(document),
      onGap: () => this.#wake(null),
    });
  }

  async publish(document: string): Promise<void> {
    try {
      await this.#commands.call((client) => client.publish(this.#channel, document));
    } catch (error) {
      this.#onError(error as Error);
    }
  }

  subscribe(onWake: (document: string | null) => void): void {
    this.#listeners.push(onWake);
    this.#feed.open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#feed[Symbol.asyncDispose]();
    await this.#commands[Symbol.asyncDispose]();
  }

  #wake(document: string | null): void {
    for (const listener of this.#listeners) listener(document);
  }
}
