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
  /** Whether an error means that the part does not answer. Other errors do not affect the breaker. */
  readonly isSilence: (error: unknown) => boolean;
  /** The error of a call that the breaker does not make. */
  readonly refusal: () => Error;
  /** Called when the breaker opens or closes. */
  readonly onChange: (open: boolean) => void;
  /** The number of consecutive unanswered calls that opens the breaker. */
  readonly failures?: number | undefined;
  /** The time for which the breaker stays open before a trial call, in milliseconds. */
  readonly retryMs?: number | undefined;
}

export const DEFAULT_FAILURES = 8;
export const DEFAULT_RETRY_MS = 1_000;
/** How long other calls wait for the trial call. A part that has recovered answers within this time. */
export const PATIENCE_MS = 250;

/**
 * A circuit breaker. While a part does not answer, calls fail at once instead of each waiting for its time limit, and the
 * part gets no load while it recovers. From time to time a single trial call is made; its success closes the breaker.
 */
export class PartBreaker {
  readonly #options: PartBreakerOptions;
  #policy: CircuitBreakerPolicy;
  #open = false;
  /** Increases with each change of state. The result of a call that began in an earlier period is ignored. */
  #period = 0;
  /** Resolves when the trial call has ended. */
  #tried: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(options: PartBreakerOptions) {
    this.#options = options;
    this.#policy = this.#newPolicy();
  }

  /** @throws the error of `work`, or the refusal (within {@link PATIENCE_MS}) if the breaker does not make the call */
  async call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#policy.state === CircuitState.HalfOpen) {
      // After an idle time, many calls may arrive at once for a part that has recovered: let them wait for the trial.
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

  /** Closes the breaker, because the part is known to answer. */
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
      // The half-open state is not reported; only the outcome of the trial is.
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

/** Wraps the failure of a call that began before the last change of state, so that the breaker does not count it. */
class OldFailure extends Error {
  override readonly name = 'OldFailure';

  constructor(cause: unknown) {
    super('a call begun before the last change failed', { cause });
  }
}

/**
 * A pause by the monotonic clock. cockatiel compares `duration` with a difference of wall-clock times, so a change of the
 * system time would shorten or prolong a plain number.
 */
function steadyPause(ms: number): IBackoff<unknown> {
  const endsAtMs = performance.now() + ms;
  return {
    get duration() {
      return performance.now() >= endsAtMs ? -Infinity : Infinity;
    },
    next: () => steadyPause(ms),
  };
}
