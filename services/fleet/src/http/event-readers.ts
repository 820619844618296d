import type { IncomingMessage, ServerResponse } from 'node:http';
import { SharedPool } from '@cloud-mirror/fair-shares';
import { HttpProblem } from '@cloud-mirror/http-service';
import { EventStream } from './event-stream.ts';

const MOST_READERS = 1_000;

/** The readers of all event streams. Each client has its share of them. */
export class EventReaders {
  readonly #pool = new SharedPool(MOST_READERS);
  readonly #streams = new Set<EventStream>();
  readonly #clientOf: (request: IncomingMessage) => string;
  #draining = false;

  constructor(clientOf: (request: IncomingMessage) => string) {
    this.#clientOf = clientOf;
  }

  get count(): number {
    return this.#streams.size;
  }

  /** @throws HttpProblem 503 if there are too many readers */
  open(request: IncomingMessage, response: ServerResponse): EventStream {
    const { place } = this.#pool.take([this.#clientOf(request)]);
    if (place === null || this.#draining) {
      place?.[Symbol.dispose]();
      throw new HttpProblem(
        503,
        'too_many_readers',
        'There are too many readers of events, or this process is shutting down.',
        { headers: { 'Retry-After': '5' } },
      );
    }
    const stream = new EventStream(response);
    this.#streams.add(stream);
    stream.signal.addEventListener('abort', () => {
      this.#streams.delete(stream);
      place[Symbol.dispose]();
    });
    return stream;
  }

  /** Ends all streams and opens no more. */
  close(): void {
    this.#draining = true;
    for (const stream of this.#streams) stream[Symbol.dispose]();
  }
}
