import { TimeLimit } from '@cloud-mirror/waiting';
import { hostForClients } from './log-form.ts';
import { OriginError, type OriginCallOptions } from './origin.ts';

export interface CallLifetimeOptions extends OriginCallOptions {
  readonly totalSeconds: number;
  /** Aborted when the owner closes. */
  readonly closed: AbortSignal;
}

/** Bounds one call of an Origin: it ends when its caller aborts it, its owner closes, or its total time is over. */
export class CallLifetime implements Disposable {
  /** Aborted by whichever happens first. */
  readonly signal: AbortSignal;
  readonly client: string | null;
  readonly impatient: boolean;
  readonly #caller: AbortSignal | undefined;
  readonly #limit: TimeLimit;
  readonly #totalSeconds: number;

  constructor({ totalSeconds, closed, signal: caller, client, impatient = false }: CallLifetimeOptions) {
    this.client = client ?? null;
    this.impatient = impatient;
    this.#caller = caller;
    this.#totalSeconds = totalSeconds;
    // setTimeout fires at once for a delay above 2^31 - 1 ms.
    const totalMs = Math.min(totalSeconds * 1000, 0x7fff_ffff);
    this.#limit = new TimeLimit(totalMs, () => new Error(`not complete within ${totalSeconds} s`));
    this.signal = AbortSignal.any([this.#limit.signal, closed, ...(caller ? [caller] : [])]);
  }

  /** The error to throw once `signal` is aborted: the caller's own reason, else an {@link OriginError} with `code`. */
  failure(code: 'origin_unreachable' | 'origin_interrupted', url: URL): unknown {
    if (this.#caller?.aborted) return this.#caller.reason;
    const message = this.#limit.timedOut
      ? `${hostForClients(url)} did not deliver within ${this.#totalSeconds} s`
      : 'the origin client was closed';
    return new OriginError(code, message, { cause: this.signal.reason, host: url.host });
  }

  [Symbol.dispose](): void {
    this.#limit[Symbol.dispose]();
  }
}
