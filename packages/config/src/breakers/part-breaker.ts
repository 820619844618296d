import {
  BrokenCircuitError,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  type CircuitBreakerPolicy,
} from 'cockatiel';

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

/**
 * Stops asking a part that does not answer: calls fail at once, without the time that each would have waited, and the
 * part is spared while it recovers. Once in a while a single call tries; with its success all are made again.
 */
export class PartBreaker {
  readonly #policy: CircuitBreakerPolicy;
  readonly #refusal: () => Error;

  constructor(options: PartBreakerOptions) {
    this.#refusal = options.refusal;
    this.#policy = circuitBreaker(handleWhen(options.isSilence), {
      halfOpenAfter: options.retryMs ?? DEFAULT_RETRY_MS,
      breaker: new ConsecutiveBreaker(options.failures ?? DEFAULT_FAILURES),
    });
    let open = false;
    this.#policy.onStateChange((state) => {
      // Trying is no change: only its outcome is.
      if (state === CircuitState.HalfOpen || (state === CircuitState.Open) === open) return;
      open = state === CircuitState.Open;
      options.onChange(open);
    });
  }

  /** @throws what `work` rejects with; the refusal, at once, where the part is not asked */
  async call<T>(work: () => Promise<T>): Promise<T> {
    // Nobody waits for the one that tries: it may take as long as the part is silent.
    if (this.#policy.state === CircuitState.HalfOpen) throw this.#refusal();
    try {
      return await this.#policy.execute(work);
    } catch (error) {
      throw error instanceof BrokenCircuitError ? this.#refusal() : error;
    }
  }
}
