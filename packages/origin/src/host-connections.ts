import { setTimeout as sleep } from 'node:timers/promises';
import { TokenBucket } from '@cloud-mirror/fair-shares';
import { HostTurns, type TurnRequest } from './host-turns.ts';
import type { OriginConnection } from './origin-connection.ts';
import { DEFAULT_PER_ORIGIN, limitedHost, type PerOriginLimits } from './per-origin-limits.ts';

/** Beyond this number, hosts without connections are forgotten. */
const MOST_IDLE_HOSTS = 4096;
/** Bytes that may come at once after a pause, as the time that they take at the limit. */
const BURST_SECONDS = 0.25;
/** Node fires longer timers at once. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

export interface ConnectionRequest extends TurnRequest {
  /** Only requests with equal names may use one connection, one after another. */
  readonly kind: string;
  /** Whether it must be a new connection. */
  readonly isFresh: boolean;
  /** Creates a connection of this kind, without opening it. */
  readonly create: (onIdleClose: (connection: OriginConnection) => void) => OriginConnection;
}

/** A connection that one request uses. */
export interface UsedConnection {
  readonly connection: OriginConnection;
  /**
   * Gives the connection back, once.
   * @param isComplete whether the answer was read to its end, so that another request may follow
   */
  readonly release: (isComplete: boolean) => void;
  /** Waits until the host's budget covers bytes that have arrived; `null` if there is no limit. */
  readonly throttle: ((bytes: number, signal: AbortSignal) => Promise<void>) | null;
}

/** The connections of this process to every origin host, within the limits for each. */
export class HostConnections {
  readonly #limits: PerOriginLimits;
  /** In the order of their creation. */
  readonly #hosts = new Map<string, Host>();

  constructor(limits: PerOriginLimits = DEFAULT_PER_ORIGIN) {
    this.#limits = limits;
  }

  /** Waits for a connection, which {@link HostTurns} gives out. @throws {HostBusyError}; the reason of the signal */
  async take(url: URL, request: ConnectionRequest): Promise<UsedConnection> {
    const key = limitedHost(url);
    const known = this.#hosts.get(key);
    if (known !== undefined) return known.take(request);
    this.#makeRoom();
    const host = new Host(this.#limits);
    this.#hosts.set(key, host);
    return host.take(request);
  }

  /** Closes every connection. Requests in progress fail. */
  async close(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.close()));
  }

  #makeRoom(): void {
    if (this.#hosts.size < MOST_IDLE_HOSTS) return;
    for (const [key, host] of this.#hosts) if (host.isIdle) this.#hosts.delete(key);
  }
}

class Host {
  readonly #limits: PerOriginLimits;
  readonly #turns: HostTurns;
  readonly #bytes: TokenBucket | null;
  /** Open connections without a request, by kind; the one used last is the last. */
  readonly #idle = new Map<OriginConnection, string>();
  readonly #used = new Set<OriginConnection>();

  constructor(limits: PerOriginLimits) {
    const { bytesPerSecond } = limits;
    this.#limits = limits;
    this.#turns = new HostTurns(limits);
    this.#bytes =
      bytesPerSecond === null ? null : new TokenBucket(bytesPerSecond, bytesPerSecond * BURST_SECONDS);
  }

  get isIdle(): boolean {
    return this.#turns.isIdle && this.#idle.size === 0;
  }

  async take(request: ConnectionRequest): Promise<UsedConnection> {
    const turn = await this.#turns.take(request);
    let connection: OriginConnection;
    try {
      connection = this.#idleOf(request) ?? (await this.#create(request));
    } catch (error) {
      turn[Symbol.dispose]();
      throw error;
    }
    this.#used.add(connection);
    return {
      connection,
      release: (isComplete) => void this.#release(connection, request.kind, turn, isComplete),
      throttle: this.#throttle(),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#idle.keys(), ...this.#used].map((connection) => connection.end(true)));
  }

  #idleOf({ kind, isFresh }: ConnectionRequest): OriginConnection | null {
    if (isFresh) return null;
    let found: OriginConnection | null = null;
    for (const [connection, itsKind] of this.#idle)
      if (itsKind === kind && connection.isOpen) found = connection;
    if (found !== null) this.#idle.delete(found);
    return found;
  }

  /** The turn stands for the new connection; idle ones count too, so one may have to go. */
  async #create({ create }: ConnectionRequest): Promise<OriginConnection> {
    const [oldest] = this.#idle.keys();
    if (oldest !== undefined && this.#turns.taken + this.#idle.size > this.#limits.connections) {
      this.#idle.delete(oldest);
      await oldest.end(false);
    }
    return create((closed) => {
      if (this.#idle.delete(closed)) void closed.end(true);
    });
  }

  async #release(
    connection: OriginConnection,
    kind: string,
    turn: Disposable,
    isComplete: boolean,
  ): Promise<void> {
    this.#used.delete(connection);
    if (isComplete && connection.isOpen) this.#idle.set(connection, kind);
    else await connection.end(isComplete);
    turn[Symbol.dispose]();
  }

  #throttle(): UsedConnection['throttle'] {
    const bytes = this.#bytes;
    if (bytes === null) return null;
    return async (count, signal) => {
      const owedMs = bytes.spend(count, performance.now());
      if (owedMs > 0) await sleep(Math.min(owedMs, LONGEST_TIMER_MS), undefined, { signal });
    };
  }
}
