import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpProblem } from '@cloud-mirror/http-service';

/** Each reader holds an open file and some hundred kilobytes that its client has not read yet. */
const READERS_AT_ONCE = 2_000;
/** A client that reads nothing for this long is cut off if others wait for its slot. */
const STALLED_MS = 5_000;
/**
 * A client that reads nothing for this long is cut off in any case. It gets chunks of 128 KiB, so the least rate is
 * 2 KiB/s.
 */
const SLOWEST_MS = 60_000;
/** The time limit for a slot. */
const LONGEST_WAIT_MS = 30_000;
const LOOK_INTERVAL_MS = 500;

interface Reading {
  readonly client: string;
  /** When the client last read something. */
  progressAt: number;
  readonly onCut: () => void;
}

export interface ObjectReader extends Disposable {
  /** The caller calls it whenever the client has read something. */
  progress(): void;
}

/**
 * Limits the number of clients that read copies from this host at the same time, so that slow readers exhaust neither
 * memory nor open files. Further clients wait for a slot, and a stalled reader loses its slot to them. A client must read at
 * a least rate, even if nobody waits, because an open file keeps its bytes on the disk.
 */
export class ObjectReaders {
  readonly #clientOf: (request: IncomingMessage) => string;
  readonly #most: number;
  readonly #stalledMs: number;
  readonly #slowestMs: number;
  readonly #reading = new Map<ServerResponse, Reading>();
  readonly #waiting = new Set<{ readonly client: string; readonly enter: () => void }>();
  #look: NodeJS.Timeout | null = null;
  #cut = 0;

  /** @param clientOf what the requests of one client have in common */
  constructor(
    clientOf: (request: IncomingMessage) => string,
    most = READERS_AT_ONCE,
    stalledMs = STALLED_MS,
    slowestMs = SLOWEST_MS,
  ) {
    this.#clientOf = clientOf;
    this.#most = most;
    this.#stalledMs = stalledMs;
    this.#slowestMs = slowestMs;
  }

  /** The number of clients that are reading. */
  get reading(): number {
    return this.#reading.size;
  }

  /** The number of clients that wait for a slot. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** How many clients have been cut because they read too slowly. */
  get cut(): number {
    return this.#cut;
  }

  /**
   * Of the waiting clients, the one with the fewest slots gets the next.
   * @param onCut called just before the response is destroyed because its client has stalled
   * @throws HttpProblem 503 if no slot becomes free in time
   */
  async enter(
    request: IncomingMessage,
    response: ServerResponse,
    onCut: () => void = () => undefined,
  ): Promise<ObjectReader> {
    const client = this.#clientOf(request);
    if (this.#reading.size >= this.#most) await this.#turn(response, client);
    const reading = { client, progressAt: performance.now(), onCut };
    this.#reading.set(response, reading);
    this.#look ??= setInterval(() => this.#cutStalled(), LOOK_INTERVAL_MS).unref();
    return {
      progress: () => {
        reading.progressAt = performance.now();
      },
      [Symbol.dispose]: () => {
        this.#reading.delete(response);
        this.#next();
        this.#stopLooking();
      },
    };
  }

  async #turn(response: ServerResponse, client: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = () => reject(busy());
    const limit = setTimeout(giveUp, LONGEST_WAIT_MS);
    response.once('close', giveUp);
    const waiting = { client, enter: resolve };
    this.#waiting.add(waiting);
    try {
      await promise;
    } finally {
      clearTimeout(limit);
      response.off('close', giveUp);
      this.#waiting.delete(waiting);
    }
  }

  #next(): void {
    if (this.#waiting.size === 0) return;
    const slots = new Map<string, number>();
    for (const { client } of this.#reading.values()) slots.set(client, (slots.get(client) ?? 0) + 1);
    const [next] = [...this.#waiting].sort((a, b) => (slots.get(a.client) ?? 0) - (slots.get(b.client) ?? 0));
    if (next === undefined) return;
    this.#waiting.delete(next);
    next.enter();
  }

  #stopLooking(): void {
    if (this.#look === null || this.#reading.size > 0 || this.#waiting.size > 0) return;
    clearInterval(this.#look);
    this.#look = null;
  }

  #cutStalled(): void {
    const now = performance.now();
    let wanted = this.#waiting.size;
    for (const [response, { progressAt, onCut }] of this.#reading) {
      if (now - progressAt < (wanted > 0 ? this.#stalledMs : this.#slowestMs)) continue;
      wanted -= 1;
      this.#cut += 1;
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
