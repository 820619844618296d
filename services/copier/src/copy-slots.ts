import { CopyTurn, type NoTurn, type TurnRequest } from './copy-turn.ts';
import { nextMove, slotsPerHost, slowest, surplus, type SlotRules } from './slot-policy.ts';

export interface CopySlotsOptions {
  readonly total: number;
  /** Share of the slots that one origin host may hold while jobs of other hosts wait. */
  readonly hostShare: number;
  /** Above 0. Default: {@link SLICE_MS}. */
  readonly sliceMs?: number | undefined;
  /** Called when a copy gives its slot to another job. */
  readonly onPaused?: ((pause: Pause) => void) | undefined;
}

export interface Pause {
  /** Back end and host of the paused copy. */
  readonly backend: string;
  readonly host: string;
  /** Slots that the host held. */
  readonly slots: number;
  /** Whether that is more than its share, and the slot goes to another host. */
  readonly isOverShare: boolean;
  /** Jobs and paused copies of all hosts that wait. */
  readonly waiting: number;
}

/** Slots of one back end, by state. */
export interface SlotCounts {
  readonly running: number;
  readonly paused: number;
  readonly waiting: number;
}

/** How long a copy keeps its slot while others wait. */
const SLICE_MS = 2_000;
const HEAD_START_MS = 10_000;
/** A job that waits longer is given back, because another copier may have free slots. */
const STAY_MS = 10_000;
/** Slices and stays are checked this often while jobs wait. */
const TICK_MS = 250;
/** As many jobs may wait in any case, so that a copier with few slots need not give a small burst back. */
const LEAST_WAITING = 32;

/**
 * The copy slots of a process, for all back ends together. Jobs that do not get a slot at once wait here, so that the
 * queue behind them can be searched for jobs that may run. {@link nextMove} decides who runs.
 *
 * At most as many copies are paused as there are slots, since each holds a connection and part of a body in memory.
 * Beyond that, the slowest copy ends.
 */
export class CopySlots {
  readonly #rules: SlotRules;
  readonly #options: CopySlotsOptions;
  readonly #running = new Set<CopyTurn>();
  readonly #paused = new Set<CopyTurn>();
  readonly #waiting = new Map<CopyTurn, (outcome: CopyTurn | NoTurn) => void>();
  readonly #wakes = new Set<() => void>();
  #fullSinceMs: number | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  #moving = false;

  constructor(options: CopySlotsOptions) {
    const { total, hostShare, sliceMs = SLICE_MS } = options;
    this.#options = options;
    this.#rules = {
      slots: total,
      slotsPerHost: slotsPerHost(total, hostShare),
      sliceMs,
      headStartMs: HEAD_START_MS,
      mostPaused: total,
    };
  }

  get total(): number {
    return this.#rules.slots;
  }

  get free(): number {
    return this.total - this.taken;
  }

  get taken(): number {
    return this.#running.size;
  }

  /** Since when no slot has been free for a new job, by `performance.now()`; `null` if one is free. */
  get fullSinceMs(): number | null {
    return this.#fullSinceMs;
  }

  counts(backend: string): SlotCounts {
    const count = (turns: Iterable<CopyTurn>): number =>
      [...turns].filter((turn) => turn.backend === backend).length;
    return {
      running: count(this.#running),
      paused: count(this.#paused),
      waiting: count(this.#waiting.keys()),
    };
  }

  /** Slots of the host that holds most. */
  get largestHost(): number {
    const byHost = Map.groupBy(this.#running, ({ host }) => host);
    return Math.max(0, ...[...byHost.values()].map((turns) => turns.length));
  }

  /**
   * Waits for a slot. Dispose of the turn to give the slot back.
   * @returns the reason if the job must go back to the queue
   * @throws the reason of `signal` once it is aborted
   */
  async turn(request: TurnRequest, signal: AbortSignal): Promise<CopyTurn | NoTurn> {
    signal.throwIfAborted();
    const turn = new CopyTurn(request, (over) => this.#over(over));
    if (this.free > 0 && this.#waiting.size === 0 && this.#paused.size === 0) {
      this.#start(turn);
      this.#noteFull();
      return turn;
    }
    if (this.#closed) return 'stopping';
    const { promise, resolve, reject } = Promise.withResolvers<CopyTurn | NoTurn>();
    const onAbort = (): void => {
      if (this.#waiting.delete(turn)) reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting.set(turn, resolve);
    this.#share();
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Resolves once `count` slots are free or the signal is aborted. */
  async untilFree(count: number, signal: AbortSignal): Promise<void> {
    while (this.free < count && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wakes.add(resolve);
      const wake = (): void => resolve();
      signal.addEventListener('abort', wake, { once: true });
      await promise;
      signal.removeEventListener('abort', wake);
      this.#wakes.delete(resolve);
    }
  }

  /** No further job begins after a wait: those that wait go back to the queue. Copies that have begun go on. */
  close(): void {
    this.#closed = true;
    for (const turn of [...this.#waiting.keys()]) this.#giveBack(turn, 'stopping');
  }

  #over(turn: CopyTurn): void {
    this.#running.delete(turn);
    this.#paused.delete(turn);
    // A turn that a move ends leaves the sharing to that move.
    if (this.#moving) return;
    this.#share();
    for (const wake of this.#wakes) wake();
  }

  /** Moves slots to those who are entitled to them, until the shares are right. */
  #share(): void {
    // All moves see one time, so that a copy that starts here does not count as old before the last of them.
    const now = performance.now();
    this.#moving = true;
    while ((this.#waiting.size > 0 || this.#paused.size > 0) && this.#move(now));
    this.#moving = false;
    while (this.#waiting.size > Math.max(LEAST_WAITING, this.total)) {
      const turn = surplus(this.#waiting.keys(), [...this.#running, ...this.#paused]);
      if (turn === null) break;
      this.#giveBack(turn, 'too_many_waiting');
    }
    this.#noteFull();
    this.#tick();
  }

  /** @returns whether a slot was moved */
  #move(now: number): boolean {
    const uses = [...this.#running, ...this.#paused, ...this.#waiting.keys()] as readonly Known[];
    const move = nextMove(uses, this.#rules, now);
    if (move === null) return false;
    if (move.instead !== null) this.#reportPause(move.instead, move.start);
    this.#start(move.start);
    if (move.instead !== null) this.#pause(move.instead);
    return true;
  }

  #start(turn: CopyTurn): void {
    const granted = this.#waiting.get(turn);
    this.#waiting.delete(turn);
    this.#paused.delete(turn);
    this.#running.add(turn);
    turn.run();
    granted?.(turn);
  }

  #pause(turn: CopyTurn): void {
    this.#running.delete(turn);
    turn.pause();
    this.#paused.add(turn);
    if (this.#paused.size <= this.#rules.mostPaused) return;
    const judged = [...this.#paused].filter(({ ageMs }) => ageMs >= this.#rules.sliceMs);
    slowest(judged.length > 0 ? judged : this.#paused)?.end();
  }

  #reportPause({ backend, host }: CopyTurn, start: CopyTurn): void {
    const slots = [...this.#running].filter((turn) => turn.host === host).length;
    const isOverShare = host !== start.host && slots > this.#rules.slotsPerHost;
    const waiting = this.#waiting.size + this.#paused.size;
    this.#options.onPaused?.({ backend, host, slots, isOverShare, waiting });
  }

  #giveBack(turn: CopyTurn, why: NoTurn): void {
    const resolve = this.#waiting.get(turn);
    this.#waiting.delete(turn);
    resolve?.(why);
  }

  #noteFull(): void {
    this.#fullSinceMs = this.free > 0 ? null : (this.#fullSinceMs ?? performance.now());
  }

  #tick(): void {
    const isNeeded = this.#waiting.size > 0 || this.#paused.size > 0;
    if (!isNeeded) {
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#timer = null;
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const now = performance.now();
      for (const turn of [...this.#waiting.keys()])
        if (now - turn.sinceMs >= STAY_MS) this.#giveBack(turn, 'waited_too_long');
      this.#share();
    }, TICK_MS);
  }
}

/** A turn that is not over. */
type Known = CopyTurn & { readonly state: 'waiting' | 'running' | 'paused' };
