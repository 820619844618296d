import { SharedPool, TokenBucket } from '@cloud-mirror/fair-shares';
import { settleWithin } from '@cloud-mirror/waiting';
import type { PerOriginLimits } from './per-origin-limits.ts';

/**
 * An impatient call gives up once no other call has begun or ended during this many looks: the calls under way then hang. Looks
 * are counted rather than time, because a busy process notices late what the host has answered.
 */
const STALLED_LOOKS = 4;
const LOOK_INTERVAL_MS = 250;
/** The longest wait of an impatient call at a host that does not hang: half of the shortest usual lease of a claim. */
const LONGEST_WAIT_MS = 30_000;
/** Node fires longer timers at once. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

export interface TurnRequest {
  /** The client on whose behalf the request is sent, for fair shares; `null` for the mirror's own work. */
  readonly client: string | null;
  /** Whether a client waits for the result. It is better redirected to the origin than kept in a queue. */
  readonly impatient: boolean;
  readonly signal: AbortSignal;
}

/** All connections to a host that this process may have are in use, or it has sent as many requests as it may. */
export class HostBusyError extends Error {
  override readonly name = 'HostBusyError';
}

interface Waiter {
  readonly impatient: boolean;
  /** Settles the wait: with a turn, or with `null` for an impatient waiter that should give up. */
  readonly settle: (turn: Disposable | null) => void;
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
  /** Looks since a turn was last given or taken back. */
  #looks = 0;
  #looking: NodeJS.Timeout | undefined;
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
    const { promise, resolve } = Promise.withResolvers<Disposable | null>();
    const { impatient, signal } = request;
    const queue = request.client ?? '';
    const waiter: Waiter = { impatient, settle: resolve, isGranted: false };
    this.#enqueue(queue, waiter);
    this.#dispatch();
    try {
      if (!waiter.isGranted) this.#watch();
      const turn = await settleWithin(promise, impatient ? LONGEST_WAIT_MS : LONGEST_TIMER_MS, null, signal);
      signal.throwIfAborted();
      if (turn === null) throw new HostBusyError('no connection became free');
      return turn;
    } catch (error) {
      if (waiter.isGranted) (await promise)?.[Symbol.dispose]();
      else this.#dequeue(queue, waiter);
      throw error;
    }
  }

  /** Makes impatient waiters give up while the host is stalled. */
  #watch(): void {
    if (this.#looks >= STALLED_LOOKS) this.#refuseImpatient();
    if (this.#waiting === 0) return;
    this.#looking ??= setInterval(() => {
      this.#looks += 1;
      if (this.#looks === STALLED_LOOKS) this.#refuseImpatient();
    }, LOOK_INTERVAL_MS);
  }

  #refuseImpatient(): void {
    for (const [client, queue] of [...this.#queues])
      for (const waiter of queue.filter(({ impatient }) => impatient)) {
        // It must not get a turn any more, which it would not take.
        this.#dequeue(client, waiter);
        waiter.settle(null);
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
    this.#left();
  }

  /** Somebody waits no longer. */
  #left(): void {
    this.#waiting -= 1;
    if (this.#waiting > 0) return;
    clearTimeout(this.#refill);
    clearInterval(this.#looking);
    this.#looking = undefined;
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
    this.#left();
    this.#looks = 0;
    waiter.isGranted = true;
    waiter.settle({
      [Symbol.dispose]: () => {
        place[Symbol.dispose]();
        this.#looks = 0;
        this.#dispatch();
      },
    });
  }
}

/** The mirror's own work has no share: a copier's slots bound it. */
function holdersOf(client: string): readonly string[] {
  return client === '' ? [] : [client];
}
