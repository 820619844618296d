import type { IncomingMessage } from 'node:http';
import { clientNetwork, HttpProblem } from '@cloud-mirror/http-service';

/** Each upload holds an open file and a connection. */
const UPLOADS_AT_ONCE = 500;
/** The share of one client, so that one with slow uploads leaves slots for others. */
const UPLOADS_OF_ONE_CLIENT = 100;

/** Limits the uploads at one time, in total and for each client. */
export class UploadSlots {
  readonly #most: number;
  readonly #mostOfOne: number;
  readonly #byClient = new Map<string, number>();
  #taken = 0;

  constructor(most = UPLOADS_AT_ONCE, mostOfOne = UPLOADS_OF_ONE_CLIENT) {
    this.#most = most;
    this.#mostOfOne = mostOfOne;
  }

  /** @throws HttpProblem 503 if there is no slot for this client */
  enter(request: IncomingMessage): Disposable {
    const client = clientNetwork(request.socket.remoteAddress ?? '');
    const ofClient = this.#byClient.get(client) ?? 0;
    if (this.#taken >= this.#most || ofClient >= this.#mostOfOne)
      throw new HttpProblem(503, 'too_many_uploads', 'Too many uploads are under way; try again later.', {
        headers: { 'Retry-After': '5' },
      });
    this.#taken += 1;
    this.#byClient.set(client, ofClient + 1);
    return {
      [Symbol.dispose]: () => {
        this.#taken -= 1;
        const left = (this.#byClient.get(client) ?? 1) - 1;
        if (left === 0) this.#byClient.delete(client);
        else this.#byClient.set(client, left);
      },
    };
  }
}
