import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

export interface ConnectionAttempt {
  readonly address: string;
  readonly port: number;
}

const CHANNEL = 'net.client.socket';

/**
 * Every TCP connection that this process tries to open while it is watched, whether or not anything answers there: a
 * listener could only tell of the addresses that this machine has.
 */
export class ConnectionAttempts implements Disposable {
  readonly #attempts: ConnectionAttempt[] = [];

  constructor() {
    subscribe(CHANNEL, this.#watch);
  }

  get all(): readonly ConnectionAttempt[] {
    return this.#attempts;
  }

  /** Those that went elsewhere than to `ports` of 127.0.0.1. */
  elsewhereThan(...ports: readonly number[]): ConnectionAttempt[] {
    return this.#attempts.filter(({ address, port }) => address !== '127.0.0.1' || !ports.includes(port));
  }

  [Symbol.dispose](): void {
    unsubscribe(CHANNEL, this.#watch);
  }

  readonly #watch = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    socket.on('connectionAttempt', (address: string, port: number) => {
      this.#attempts.push({ address, port });
    });
  };
}
