import {
  BrokenCircuitError,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  type CircuitBreakerPolicy,
  type IBackoff,
} from 'cockatiel';
import { settleWithin } from '@cloud-mirror/waiting';

export interface PartBreakerOptions {
  /** Whether an error says that the part does not answer. Others say nothing of it. */
  readonly isSilence: (error: unknown) => boolean;
  /** What a call fails with that is not made. */
  readonly refusal: () => Error;
  /** Hears when calls are no longer made, and when they are again. */
  readonly onChange: (open: boolean) => void;
  /** Calls without an answer, one after the other, before no more are made. */
  readonly failures?: number | undefined;
  /** Time until one call tries again whether the part answers, in milliseconds. */
  readonly retryMs?: number | undefined;
}

export const DEFAULT_FAILURES = 8;
export const DEFAULT_RETRY_MS = 1_000;
/** How long others wait for the call that tries: a part that answers has done so by then. */
export const PATIENCE_MS = 250;

/**
 * Stops asking a part that does not answer: calls fail at once, without the time that each would have waited, and the
 * part is spared while it recovers. Once in a while a single call tries; with its success all are made again.
 */
export class PartBreaker {
  readonly #options: PartBreakerOptions;
  #policy: CircuitBreakerPolicy;
  #open = false;
  /** Counts the times between two changes. What was begun in an earlier one says nothing of this one. */
  #period = 0;
  /** Resolves when the call that tries has ended. */
  #tried: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(options: PartBreakerOptions) {
    this.#options = options;
    this.#policy = this.#newPolicy();
  }

  /** @throws what `work` rejects with; the refusal where the part is not asked, within {@link PATIENCE_MS} */
  async call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#policy.state === CircuitState.HalfOpen) {
      // After a long time without calls many may come at once, to a part that has long been well again.
      await this.#untilTried();
      if (this.#policy.state === CircuitState.HalfOpen) throw this.#options.refusal();
    }
    try {
      return await this.#policy.execute(() => this.#run(work));
    } catch (error) {
      if (error instanceof OldFailure) throw error.cause;
      throw error instanceof BrokenCircuitError ? this.#options.refusal() : error;
    }
  }

  /** The part was heard of by other means: calls are made again. */
  reset(): void {
    this.#policy = this.#newPolicy();
    this.#changed(false);
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    const period = this.#period;
    try {
      return await work();
    } catch (error) {
      if (period !== this.#period) throw new OldFailure(error);
      throw error;
    }
  }

  async #untilTried(): Promise<void> {
    await settleWithin(this.#tried.promise, PATIENCE_MS, undefined);
  }

  #newPolicy(): CircuitBreakerPolicy {
    const { isSilence, failures = DEFAULT_FAILURES, retryMs = DEFAULT_RETRY_MS } = this.#options;
    const policy = circuitBreaker(handleWhen(isSilence), {
      halfOpenAfter: { next: () => steadyPause(retryMs) },
      breaker: new ConsecutiveBreaker(failures),
    });
    policy.onStateChange((state) => {
      if (policy !== this.#policy) return;
      // Trying is no change: only its outcome is.
      if (state === CircuitState.HalfOpen) this.#tried = Promise.withResolvers();
      else this.#changed(state === CircuitState.Open);
    });
    return policy;
  }

  #changed(open: boolean): void {
    this.#period += 1;
    this.#tried.resolve();
    if (open === this.#open) return;
    this.#open = open;
    this.#options.onChange(open);
  }
}

/** A call that was begun before the last change failed: no failure to be counted. */
class OldFailure extends Error {
  override readonly name = 'OldFailure';

  constructor(cause: unknown) {
    super('a call begun before the last change failed', { cause });
  }
}

/** A pause by a clock that nobody sets. What is compared with its `duration` is a difference of times of day. */
function steadyPause(ms: number): IBackoff<unknown> {
  const endsAtMs = performance.now() + ms;
  return {
    get duration() {
      return performance.now() >= endsAtMs ? -Infinity : Infinity;
    },
    next: () => steadyPause(ms),
  };
}
