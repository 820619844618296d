import type { IncomingMessage } from 'node:http';
import { SharedPool } from '@cloud-mirror/fair-shares';
import { HttpProblem } from '@cloud-mirror/http-service';

/** Each upload holds an open file and a connection. */
const UPLOADS_AT_ONCE = 500;

/** Limits the uploads at one time, in total and for each client. */
export class UploadSlots {
  readonly #pool = new SharedPool(UPLOADS_AT_ONCE);
  readonly #clientOf: (request: IncomingMessage) => string;

  constructor(clientOf: (request: IncomingMessage) => string) {
    this.#clientOf = clientOf;
  }

  /** @throws HttpProblem 503 if there is no slot for this client */
  enter(request: IncomingMessage): Disposable {
    const { place } = this.#pool.take([this.#clientOf(request)]);
    if (place !== null) return place;
    throw new HttpProblem(503, 'too_many_uploads', 'Too many uploads are under way; try again later.', {
      headers: { 'Retry-After': '5' },
    });
  }
}
