import { backoff, pause } from '@cloud-mirror/waiting';
import type { Environment, Logger } from '@cloud-mirror/program';
import { Child } from './child.ts';
import { freePort } from './free-port.ts';

export interface ManagedAppOptions {
  readonly name: string;
  readonly command: readonly string[];
  readonly host: string;
  readonly wanted: number;
  readonly environment: Environment;
  readonly logger: Logger;
  /** Whether an instance serves, as the registry says. */
  readonly serves: (id: string) => boolean;
}

const BACKOFF_MS = { first: 200, longest: 30_000 } as const;
/** A child that ran for longer had no fault at its start. */
const STABLE_MS = 10_000;
const LOOK_MS = 100;
/** Programs end by themselves well before. */
const STOP_LIMIT_MS = 110_000;

/** The child processes of one app. Keeps as many running as are wanted. */
export class ManagedApp {
  readonly #options: ManagedAppOptions;
  readonly #children = new Map<string, Child>();
  readonly #closed = new AbortController();
  #wanted: number;
  /** Children beyond the wanted number, during a rolling restart. */
  #surplus = 0;
  /** Children that ended soon after their start, one after the other. */
  #failures = 0;
  #lastEnd: string | null = null;
  /** Starts that wait for their back-off or a port. */
  #starting = 0;

  constructor(options: ManagedAppOptions) {
    this.#options = options;
    this.#wanted = options.wanted;
  }

  get wanted(): number {
    return this.#wanted;
  }

  has(id: string): boolean {
    return this.#children.has(id);
  }

  scale(wanted: number): void {
    this.#wanted = wanted;
    // An operator who changes something wants to see the result now.
    this.#failures = 0;
    this.#reconcile();
  }

  /** What has to happen until as many children run as are wanted; null if nothing. */
  get pending(): string | null {
    const alive = this.#alive().length;
    if (alive < this.#wanted) {
      const why = this.#lastEnd === null ? '' : `; the last one that ended: ${this.#lastEnd}`;
      return `${this.#wanted - alive} of ${this.#wanted} processes to start${why}`;
    }
    const stopping = this.#children.size - alive;
    return stopping === 0 ? null : `${stopping} processes to drain and end`;
  }

  /** Replaces the children that run now, the oldest first, each after a new one serves. */
  async restart(signal: AbortSignal, onProgress: (waitsFor: string) => void): Promise<void> {
    const old = new Set(this.#alive());
    const total = old.size;
    try {
      for (const child of old) {
        if (this.#children.get(child.id) !== child || child.isStopping) continue;
        this.#surplus = 1;
        this.#reconcile();
        onProgress(`a new instance to serve, ${[...old].indexOf(child) + 1} of ${total}`);
        await this.#until(() => this.#newServing(old) > this.#wanted - this.#remaining(old), signal);
        onProgress(`${child.id} to drain and end`);
        const stopped = child.stop(STOP_LIMIT_MS);
        this.#surplus = 0;
        await stopped;
        signal.throwIfAborted();
      }
    } finally {
      this.#surplus = 0;
      this.#reconcile();
    }
  }

  /** Stops all children, and starts no more. */
  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all([...this.#children.values()].map((child) => child.stop(STOP_LIMIT_MS)));
  }

  #alive(): Child[] {
    return [...this.#children.values()].filter(({ isStopping }) => !isStopping);
  }

  #remaining(old: ReadonlySet<Child>): number {
    return this.#alive().filter((child) => old.has(child)).length;
  }

  #newServing(old: ReadonlySet<Child>): number {
    return this.#alive().filter((child) => !old.has(child) && this.#options.serves(child.id)).length;
  }

  async #until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    while (!condition()) {
      await pause(LOOK_MS, signal);
      signal.throwIfAborted();
    }
  }

  #reconcile(): void {
    if (this.#closed.signal.aborted) return;
    const target = this.#wanted + this.#surplus;
    const alive = this.#alive();
    // The newest first: an old one has proved itself.
    for (const child of alive.slice(target)) void child.stop(STOP_LIMIT_MS);
    for (let missing = target - alive.length - this.#starting; missing > 0; missing -= 1) void this.#start(0);
  }

  /** Never rejects. */
  async #start(delayMs: number): Promise<void> {
    const { signal } = this.#closed;
    const { name, host, logger } = this.#options;
    this.#starting += 1;
    let port: number | null = null;
    try {
      await pause(delayMs, signal);
      if (!signal.aborted && this.#alive().length < this.#wanted + this.#surplus) port = await freePort(host);
    } catch (error) {
      logger.error({ app: name, err: error }, 'no port for an instance');
    }
    this.#starting -= 1;
    if (port === null || signal.aborted) return;
    const child = new Child({ ...this.#options, app: name, port });
    this.#children.set(child.id, child);
    logger.info({ app: name, instance: child.id, pid: child.pid, port }, 'instance started');
    const how = await child.ended;
    this.#children.delete(child.id);
    logger.info({ app: name, instance: child.id, how }, 'instance ended');
    if (child.isStopping) return this.#reconcile();
    this.#lastEnd = how;
    this.#failures = performance.now() - child.startedAtMs < STABLE_MS ? this.#failures + 1 : 0;
    await this.#replace();
  }

  async #replace(): Promise<void> {
    const { name, logger } = this.#options;
    if (this.#closed.signal.aborted) return;
    if (this.#alive().length + this.#starting >= this.#wanted + this.#surplus) return;
    const delayMs = this.#failures === 0 ? 0 : backoff(this.#failures - 1, BACKOFF_MS);
    logger.warn(
      { app: name, how: this.#lastEnd, delayMs: Math.round(delayMs) },
      'an instance is started again',
    );
    await this.#start(delayMs);
  }
}
