import type { IncomingMessage } from 'node:http';
import { hasBody } from './unread-body.ts';

/** The time limit for the body of a request that is not an upload. */
const SHORT_BODY_MS = 30_000;
/** An upload that is slower than this over {@link WINDOW_MS} is cut off. */
const SLOWEST_BYTES_PER_SECOND = 1024;
const WINDOW_MS = 30_000;

/**
 * Time limits of bodies for a server that accepts uploads. node:http has one limit for all requests, which would cut
 * off long uploads. Here every body has a short limit, until the handler accepts it as an upload, which only has to stay
 * above a minimum rate.
 */
export class LongBodies {
  readonly #limits = new WeakMap<IncomingMessage, NodeJS.Timeout>();
  readonly #accepted = new WeakSet<IncomingMessage>();

  /** Call it when a request arrives. */
  watch(request: IncomingMessage): void {
    if (!hasBody(request)) return;
    const limit = setTimeout(() => {
      if (!request.complete) request.socket.destroy();
    }, SHORT_BODY_MS).unref();
    this.#limits.set(request, limit);
    request.once('close', () => clearTimeout(limit));
  }

  /** Replaces the short limit by the minimum rate. */
  accept(request: IncomingMessage): void {
    this.#accepted.add(request);
    clearTimeout(this.#limits.get(request));
    const { socket } = request;
    let before = socket.bytesRead;
    const look = setInterval(() => {
      const bytes = socket.bytesRead - before;
      before = socket.bytesRead;
      if (!request.complete && bytes < (SLOWEST_BYTES_PER_SECOND * WINDOW_MS) / 1000) socket.destroy();
    }, WINDOW_MS).unref();
    request.once('close', () => clearInterval(look));
  }

  isAccepted(request: IncomingMessage): boolean {
    return this.#accepted.has(request);
  }
}
