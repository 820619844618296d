import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import { connectorOf } from './guarded-connector.ts';

/** Opens a connection to the server of `url`. `signal` cancels the attempt. */
export type Connect = (url: URL, signal: AbortSignal) => Promise<Socket>;

/**
 * The time that an origin needs to notice that this process has closed a connection. Until then it may count one
 * connection too many.
 */
const NOTICED_MS = 100;

/** One connection to an origin, for one request after another, opened by the first of them. */
export class OriginConnection {
  readonly client: Client;
  readonly #ended = new AbortController();
  readonly #connect: Connect;
  readonly #onIdleClose: (connection: OriginConnection) => void;
  #socket: Socket | null = null;
  #opening: Promise<unknown> = Promise.resolve();

  /** @param onIdleClose called when the connection is closed and {@link end} was not called */
  constructor(
    origin: string,
    connect: Connect,
    options: Omit<Client.Options, 'connect'>,
    onIdleClose: (connection: OriginConnection) => void,
  ) {
    this.#connect = connect;
    this.#onIdleClose = onIdleClose;
    this.client = new Client(origin, { ...options, connect: connectorOf((url) => this.open(url)) });
  }

  /** Whether it is open. */
  get isOpen(): boolean {
    return this.#socket !== null && !this.#socket.destroyed && !this.client.destroyed;
  }

  /** Opens the connection itself, for a request that `client` does not send. */
  async open(url: URL): Promise<Socket> {
    const opening = this.#connect(url, this.#ended.signal);
    this.#opening = opening.catch(ignore);
    const socket = await opening;
    this.#socket = socket;
    const closed = (): void => {
      if (!this.#ended.signal.aborted) this.#onIdleClose(this);
    };
    if (socket.closed) closed();
    else socket.once('close', closed);
    return socket;
  }

  /**
   * Closes the connection. Resolves when it is closed.
   * @param isExpected whether the origin closes it too, as after an answer with `Connection: close`. Otherwise this also
   *   waits until the origin has noticed, so that the next connection is not one too many.
   */
  async end(isExpected: boolean): Promise<void> {
    this.#ended.abort(new Error('the connection is no longer needed'));
    this.client.destroy().catch(ignore);
    await this.#opening;
    const socket = this.#socket;
    if (socket === null) return;
    socket.destroy();
    if (!socket.closed) await once(socket, 'close').catch(ignore);
    if (!isExpected && !socket.readableEnded) await sleep(NOTICED_MS);
  }
}

function ignore(): void {
  // Whoever uses the connection gets the error.
}
