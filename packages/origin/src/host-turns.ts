import { SharedPool, TokenBucket } from '@cloud-mirror/fair-shares';
import { orAborted, settleWithin } from '@cloud-mirror/waiting';
import type { PerOriginLimits } from './per-origin-limits.ts';

/** The most calls that wait for one host. Patient ones are bounded by the slots of a copier. */
const MOST_WAITING = 1024;
/** An impatient call gives up once no other has begun or ended for this long: whoever has the turns hangs. */
const STALLED_MS = 1000;
/** The longest wait of an impatient call: below the time for which most clients wait. */
const LONGEST_WAIT_MS = 5000;
/** Node fires longer timers at once. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

export interface TurnRequest {
  /** The client on whose behalf the request is sent, for fair shares; `null` for the mirror's own work. */
  readonly client: string | null;
  /** Whether a client waits for the result, which would rather be redirected to the origin than wait in a queue. */
  readonly impatient: boolean;
  readonly signal: AbortSignal;
}

/** All connections to a host that this process may have are in use, or it has sent as many requests as it may. */
export class HostBusyError extends Error {
  override readonly name = 'HostBusyError';
}

interface Waiter {
  readonly grant: (turn: Disposable) => void;
  isGranted: boolean;
}

/**
 * Gives out turns to use one host: at most `connections` at once and `requestsPerSecond`. Clients take turns, each with
 * its own queue, and none may hold so many turns that the next one finds none.
 */
export class HostTurns {
  readonly #pool: SharedPool;
  readonly #requests: TokenBucket | null;
  /** By client, in the order of their turns; `''` for the mirror's own work. Clients that do not wait are not in it. */
  readonly #queues = new Map<string, Waiter[]>();
  #waiting = 0;
  /** When a turn was last given or taken back. */
  #movedAtMs = performance.now();
  #refill: NodeJS.Timeout | undefined;

  constructor({
    connections,
    requestsPerSecond,
  }: Pick<PerOriginLimits, 'connections' | 'requestsPerSecond'>) {
    this.#pool = new SharedPool(connections);
    this.#requests =
      requestsPerSecond === null ? null : new TokenBucket(requestsPerSecond, Math.max(1, requestsPerSecond));
  }

  /** Turns in use. */
  get taken(): number {
    return this.#pool.taken;
  }

  get isIdle(): boolean {
    return this.#pool.taken === 0 && this.#waiting === 0;
  }

  /**
   * Waits for a turn. Dispose of it when the connection is free or closed.
   * @throws {HostBusyError} if the call is impatient and would wait too long; the reason of the signal once it is aborted
   */
  async take(request: TurnRequest): Promise<Disposable> {
    request.signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<Disposable>();
    const queue = request.client ?? '';
    const waiter: Waiter = { grant: resolve, isGranted: false };
    this.#enqueue(queue, waiter);
    this.#dispatch();
    try {
      if (waiter.isGranted) return await promise;
      if (!request.impatient) return await orAborted(promise, request.signal);
      return await this.#awaitImpatiently(promise, request.signal);
    } catch (error) {
      if (waiter.isGranted) (await promise)[Symbol.dispose]();
      else this.#dequeue(queue, waiter);
      throw error;
    }
  }

  async #awaitImpatiently(granted: Promise<Disposable>, signal: AbortSignal): Promise<Disposable> {
    const latestMs = performance.now() + LONGEST_WAIT_MS;
    for (;;) {
      const endMs = Math.min(latestMs, this.#movedAtMs + STALLED_MS);
      const limitMs = this.#waiting > MOST_WAITING ? 0 : endMs - performance.now();
      const turn = await settleWithin(granted, limitMs, null, signal);
      if (turn !== null) return turn;
      signal.throwIfAborted();
      if (limitMs <= 0) throw new HostBusyError('no connection became free');
    }
  }

  #enqueue(client: string, waiter: Waiter): void {
    const queue = this.#queues.get(client) ?? [];
    queue.push(waiter);
    this.#queues.set(client, queue);
    this.#waiting += 1;
  }

  #dequeue(client: string, waiter: Waiter): void {
    const queue = this.#queues.get(client) ?? [];
    const index = queue.indexOf(waiter);
    if (index < 0) return;
    queue.splice(index, 1);
    if (queue.length === 0) this.#queues.delete(client);
    this.#waiting -= 1;
    if (this.#waiting === 0) clearTimeout(this.#refill);
  }

  /** Gives turns to those that wait, one client after another, while there are any to give. */
  #dispatch(): void {
    clearTimeout(this.#refill);
    while (this.#waiting > 0) {
      const client = this.#nextClient();
      if (client === null) return;
      const now = performance.now();
      const waitMs = this.#requests?.waitMs(1, now) ?? 0;
      if (waitMs > 0) {
        this.#refill = setTimeout(() => this.#dispatch(), Math.min(Math.ceil(waitMs), LONGEST_TIMER_MS));
        return;
      }
      this.#requests?.spend(1, now);
      this.#grant(client);
    }
  }

  /** The first client whose share leaves it a turn; `null` if there is none. */
  #nextClient(): string | null {
    for (const client of this.#queues.keys())
      if (this.#pool.refusalOf(holdersOf(client)) === null) return client;
    return null;
  }

  #grant(client: string): void {
    const queue = this.#queues.get(client) ?? [];
    const waiter = queue.shift();
    // The next turn is another client's.
    this.#queues.delete(client);
    if (queue.length > 0) this.#queues.set(client, queue);
    const { place } = this.#pool.take(holdersOf(client));
    if (waiter === undefined || place === null) return;
    this.#waiting -= 1;
    this.#movedAtMs = performance.now();
    waiter.isGranted = true;
    waiter.grant({
      [Symbol.dispose]: () => {
        place[Symbol.dispose]();
        this.#movedAtMs = performance.now();
        this.#dispatch();
      },
    });
  }
}

/** The mirror's own work has no share: a copier's slots bound it. */
function holdersOf(client: string): readonly string[] {
  return client === '' ? [] : [client];
}
