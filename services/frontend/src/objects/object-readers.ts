import type { ServerResponse } from 'node:http';
import { HttpProblem } from '@cloud-mirror/http-service';

/** Each reader holds an open file and some hundred kilobytes that its client has not read yet. */
const READERS_AT_ONCE = 2_000;
/** A client that reads nothing for this long is cut off if others wait for its slot. */
const STALLED_MS = 5_000;
/** The time limit for a slot. */
const LONGEST_WAIT_MS = 30_000;
const LOOK_INTERVAL_MS = 500;

export interface ObjectReader extends Disposable {
  /** The caller calls it whenever the client has read something. */
  progress(): void;
}

/**
 * Limits the number of clients that read copies from this host at the same time, so that slow readers exhaust neither
 * memory nor open files. Further clients wait for a slot, and a stalled reader loses its slot to them.
 */
export class ObjectReaders {
  readonly #most: number;
  readonly #stalledMs: number;
  /** When each client last read something, and the callback for cutting it off. */
  readonly #reading = new Map<ServerResponse, { progressAt: number; readonly onCut: () => void }>();
  readonly #waiting = new Set<() => void>();
  #look: NodeJS.Timeout | null = null;

  constructor(most = READERS_AT_ONCE, stalledMs = STALLED_MS) {
    this.#most = most;
    this.#stalledMs = stalledMs;
  }

  /**
   * @param onCut called just before the response is destroyed because its client has stalled
   * @throws HttpProblem 503 if no slot becomes free in time
   */
  async enter(response: ServerResponse, onCut: () => void = () => undefined): Promise<ObjectReader> {
    if (this.#reading.size >= this.#most) await this.#turn(response);
    const reading = { progressAt: performance.now(), onCut };
    this.#reading.set(response, reading);
    return {
      progress: () => {
        reading.progressAt = performance.now();
      },
      [Symbol.dispose]: () => {
        this.#reading.delete(response);
        this.#next();
      },
    };
  }

  async #turn(response: ServerResponse): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = () => reject(busy());
    const limit = setTimeout(giveUp, LONGEST_WAIT_MS);
    response.once('close', giveUp);
    this.#waiting.add(resolve);
    this.#look ??= setInterval(() => this.#cutStalled(), LOOK_INTERVAL_MS).unref();
    try {
      await promise;
    } finally {
      clearTimeout(limit);
      response.off('close', giveUp);
      this.#waiting.delete(resolve);
      if (this.#waiting.size === 0 && this.#look !== null) {
        clearInterval(this.#look);
        this.#look = null;
      }
    }
  }

  #next(): void {
    const [resolve] = this.#waiting;
    if (resolve === undefined) return;
    this.#waiting.delete(resolve);
    resolve();
  }

  #cutStalled(): void {
    const now = performance.now();
    let wanted = this.#waiting.size;
    for (const [response, { progressAt, onCut }] of this.#reading) {
      if (wanted === 0) return;
      if (now - progressAt < this.#stalledMs) continue;
      wanted -= 1;
      onCut();
      response.destroy();
    }
  }
}

function busy(): HttpProblem {
  return new HttpProblem(503, 'too_many_readers', 'Too many clients are reading copies from this host.', {
    headers: { 'Retry-After': '5' },
  });
}
