import type { ServerResponse } from 'node:http';

/** What a reader may have unsent before it counts as too slow (see {@link EventStream}). */
const MOST_UNSENT_BYTES = 1024 * 1024;
const COMMENT_MS = 10_000;
/** How long a reader may take for one event that is larger than it may have unsent: a list of all instances. */
const LARGE_EVENT_MS = 30_000;

/**
 * One reader of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). Sends a comment each
 * ten seconds, so that both sides notice a connection that is cut. A reader with more than 1 MiB unsent is disconnected: it
 * may resume by `Last-Event-ID`, and misses nothing.
 */
export class EventStream implements Disposable {
  readonly #response: ServerResponse;
  readonly #closed = new AbortController();
  readonly #comments: NodeJS.Timeout;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      // nginx would hold events back.
      'X-Accel-Buffering': 'no',
    });
    response.once('close', () => this[Symbol.dispose]());
    response.write(': connected\n\n');
    this.#comments = setInterval(() => this.#write(': still here\n\n'), COMMENT_MS);
  }

  /** Aborted when the reader is gone. */
  get signal(): AbortSignal {
    return this.#closed.signal;
  }

  /** Sends one event. @param id by which the reader resumes; null if it cannot */
  send(event: string, id: number | null, data: unknown): void {
    const idLine = id === null ? '' : `id: ${id}\n`;
    this.#write(`event: ${event}\n${idLine}data: ${JSON.stringify(data)}\n\n`);
  }

  /** Like {@link send}, for an event that may be larger than a reader may have unsent. Resolves when it is nearly sent. */
  async sendLarge(event: string, id: number, data: unknown): Promise<void> {
    const response = this.#response;
    if (this.#closed.signal.aborted) return;
    response.write(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
    if (!response.writableNeedDrain) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const limit = setTimeout(() => response.destroy(), LARGE_EVENT_MS);
    response.once('drain', resolve).once('close', resolve);
    await promise;
    clearTimeout(limit);
    response.off('drain', resolve).off('close', resolve);
  }

  /** Ends the stream. The reader may come back. */
  [Symbol.dispose](): void {
    clearInterval(this.#comments);
    this.#closed.abort();
    this.#response.end();
  }

  #write(text: string): void {
    if (this.#closed.signal.aborted) return;
    this.#response.write(text);
    if (this.#response.writableLength > MOST_UNSENT_BYTES) this.#response.destroy();
  }
}
