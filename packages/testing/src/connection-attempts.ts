import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

export interface ConnectionAttempt {
  readonly address: string;
  readonly port: number;
}

const CHANNEL = 'net.client.socket';

/**
 * Records every TCP connection that this process tries to open, whether or not anything answers. A listener would notice
 * only connections to addresses of this machine.
 */
export class ConnectionAttempts implements Disposable {
  readonly #attempts: ConnectionAttempt[] = [];

  constructor() {
    subscribe(CHANNEL, this.#watch);
  }

  get all(): readonly ConnectionAttempt[] {
    return this.#attempts;
  }

  /** The attempts to connect to anything other than `ports` of 127.0.0.1. */
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
