import type { Socket } from 'node:net';
import { withLength } from './upstream-query.ts';

export interface TcpLimits {
  /** Between the end of one query and the beginning of the next, in milliseconds (RFC 7766, section 6.2.3). */
  readonly idleMs: number;
  /** From the first byte of a query to its last one. */
  readonly queryMs: number;
  /** Queries of one connection that are answered at once. More are read later. */
  readonly pipelined: number;
  /** Answers that the client has not read, in bytes. More queries are read when it has. */
  readonly unreadBytes: number;
}

export const TCP_LIMITS: TcpLimits = {
  idleMs: 10_000,
  queryMs: 5_000,
  pipelined: 32,
  unreadBytes: 256 * 1024,
};

/** No query is longer: names have 255 bytes, and options few. */
const MOST_QUERY_BYTES = 4_096;

/** Answers the queries of one connection, each when its answer is ready (RFC 7766, section 6.2.1.1). */
export class TcpConnection {
  readonly #socket: Socket;
  readonly #limits: TcpLimits;
  readonly #answer: (message: Buffer) => Promise<Buffer | null>;
  #received: Buffer = Buffer.alloc(0);
  #answering = 0;
  #hasEnded = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, limits: TcpLimits, answer: (message: Buffer) => Promise<Buffer | null>) {
    this.#socket = socket;
    this.#limits = limits;
    this.#answer = answer;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => clearTimeout(this.#timer));
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('end', () => {
      this.#hasEnded = true;
      this.#endIfDone();
    });
    socket.on('drain', () => this.#readMore());
    this.#limitTo(limits.idleMs);
  }

  #receive(chunk: Buffer): void {
    const isNew = this.#received.length === 0;
    this.#received = isNew ? chunk : Buffer.concat([this.#received, chunk]);
    if (isNew) this.#limitTo(this.#limits.queryMs);
    this.#readMore();
  }

  #readMore(): void {
    while (!this.#socket.destroyed && this.#received.length >= 2) {
      if (this.#isBusy()) return void this.#socket.pause();
      const length = this.#received.readUInt16BE(0);
      if (length > MOST_QUERY_BYTES) return void this.#socket.destroy();
      if (this.#received.length < 2 + length) break;
      const message = this.#received.subarray(2, 2 + length);
      this.#received = this.#received.subarray(2 + length);
      void this.#reply(message);
      this.#limitTo(this.#received.length === 0 ? this.#limits.idleMs : this.#limits.queryMs);
    }
    this.#socket.resume();
    this.#endIfDone();
  }

  #isBusy(): boolean {
    const { pipelined, unreadBytes } = this.#limits;
    return this.#answering >= pipelined || this.#socket.writableLength > unreadBytes;
  }

  async #reply(message: Buffer): Promise<void> {
    this.#answering += 1;
    const answer = await this.#answer(message);
    this.#answering -= 1;
    // What is no query gets no reply, and whoever sends it no connection.
    if (answer === null) return void this.#socket.destroy();
    if (this.#socket.writable) this.#socket.write(withLength(answer));
    this.#readMore();
  }

  #endIfDone(): void {
    if (this.#hasEnded && this.#answering === 0) this.#socket.end();
  }

  /** Also while the client does not read: a connection without progress ends. */
  #limitTo(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#socket.destroy(), ms);
  }
}
