import { StorageError } from '@cloud-mirror/storage-provider';

export interface FileCallLimits {
  /**
   * How many file calls may be under way. Each takes a thread of libuv, of which a process has few, and a call to a disk
   * that hangs never gives its thread back.
   */
  readonly calls: number;
  /** How long a caller waits for a call that looks something up or reads, in milliseconds. */
  readonly shortMs: number;
  /** How long a caller waits for a call that writes, flushes or removes, in milliseconds. A busy disk may take long. */
  readonly longMs: number;
}

export const DEFAULT_FILE_CALL_LIMITS: FileCallLimits = { calls: 3, shortMs: 10_000, longMs: 60_000 };

/** One kind of call. */
export interface FileCall<T> {
  /** Names the operation in the message: `opening an object`. */
  readonly what: string;
  readonly takes: 'short' | 'long';
  readonly make: () => Promise<T>;
  /** Called with the result if it arrives after the caller has given up: closes what the call has opened. */
  readonly onLate?: (result: T) => void;
}

/** A caller that waits, for its turn or for the result. */
interface Caller {
  /** By `performance.now()`. */
  readonly dueAt: number;
  /** Ends the caller's wait. A call under way keeps its thread. */
  readonly giveUp: () => void;
  timer: NodeJS.Timeout;
}

/**
 * Bounds the file calls of one disk: how many are under way, and how long their callers wait. Calls beyond the bound wait
 * in order. If every call under way is overdue, the disk hangs: waiting and new calls fail at once, until one call ends.
 */
export class FileCalls {
  readonly #limits: FileCallLimits;
  /** Places that are neither taken nor promised to a waiting caller. */
  #free: number;
  /** Calls that nobody waits for any more, whose threads are stuck. */
  #overdue = 0;
  readonly #callers = new Set<Caller>();
  /** Callers without a place, in the order of their arrival, with what tells them that they have one. */
  readonly #waiting = new Map<Caller, () => void>();
  #longestMs = Infinity;

  constructor(limits: FileCallLimits) {
    this.#limits = limits;
    this.#free = limits.calls;
  }

  /** @throws StorageError `store_unavailable` if the disk does not answer in time; the error of the call */
  async run<T>({ what, takes, make, onLate }: FileCall<T>): Promise<T> {
    if (this.#overdue >= this.#limits.calls) throw hung(what);
    const { promise: over, reject } = Promise.withResolvers<never>();
    const caller = this.#caller(takes, () => reject(hung(what)));
    try {
      if (this.#free > 0) this.#free -= 1;
      else await Promise.race([this.#turnOf(caller), over]);
      return await Promise.race([this.#make(caller, make, onLate), over]);
    } finally {
      clearTimeout(caller.timer);
      this.#callers.delete(caller);
    }
  }

  /** Lets no caller wait longer than `ms` milliseconds from now on, neither present nor future ones. */
  shorten(ms: number): void {
    this.#longestMs = ms;
    for (const caller of this.#callers) {
      clearTimeout(caller.timer);
      caller.timer = setTimeout(caller.giveUp, Math.min(ms, caller.dueAt - performance.now()));
    }
  }

  #caller(takes: 'short' | 'long', fail: () => void): Caller {
    const { shortMs, longMs } = this.#limits;
    const limitMs = Math.min(takes === 'short' ? shortMs : longMs, this.#longestMs);
    const giveUp = (): void => {
      this.#callers.delete(caller);
      fail();
      if (this.#waiting.delete(caller)) return;
      this.#overdue += 1;
      if (this.#overdue < this.#limits.calls) return;
      for (const waiting of this.#waiting.keys()) waiting.giveUp();
    };
    const caller = { dueAt: performance.now() + limitMs, giveUp, timer: setTimeout(giveUp, limitMs) };
    this.#callers.add(caller);
    return caller;
  }

  #turnOf(caller: Caller): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(caller, resolve);
    return promise;
  }

  async #make<T>(caller: Caller, make: () => Promise<T>, onLate?: (result: T) => void): Promise<T> {
    try {
      const result = await make();
      if (!this.#callers.has(caller)) onLate?.(result);
      return result;
    } finally {
      if (!this.#callers.has(caller)) this.#overdue -= 1;
      this.#passOn();
    }
  }

  /** The place passes to the first waiting caller, so that no new caller takes it before. */
  #passOn(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    const [caller, start] = next;
    this.#waiting.delete(caller);
    start();
  }
}

function hung(what: string): StorageError {
  return new StorageError('store_unavailable', `${what}: the disk does not answer`);
}
