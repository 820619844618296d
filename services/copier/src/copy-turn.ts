import type { Job } from '@cloud-mirror/mirrored-objects';
import { limitedHost } from '@cloud-mirror/origin';
import { orAborted } from '@cloud-mirror/waiting';

/** A copy lost its slot to others and may not wait for another one: too many faster copies wait already. */
export class TurnEndedError extends Error {
  override readonly name = 'TurnEndedError';
}

/** Ten times the default of `sources.timeouts.minimumBytesPerSecond`. */
const SLOW_BYTES_PER_SECOND = 102_400;
const JUDGED_AFTER_MS = 1_000;

export interface TurnRequest {
  /** `service/region`. */
  readonly backend: string;
  /** Host and port of the job's URL. */
  readonly host: string;
  /** How often the job was given back to the queue before. */
  readonly returns: number;
}

/** Why a job got no slot. */
export type NoTurn = 'too_many_waiting' | 'waited_too_long' | 'stopping';

/**
 * One job's claim to a copy slot: it waits, runs, and may be paused while others need the slot. A paused copy keeps its
 * connections and the parts that it has stored; only its next read waits.
 */
export class CopyTurn implements Disposable {
  readonly backend: string;
  readonly host: string;
  readonly returns: number;
  state: 'waiting' | 'running' | 'paused' | 'over' = 'waiting';
  /** When the turn entered its state, by `performance.now()`. */
  sinceMs = performance.now();
  /** Bytes read. */
  bytes = 0;
  /** Whether the copy was ever paused. */
  wasPaused = false;
  readonly #ended = new AbortController();
  readonly #onOver: (turn: CopyTurn) => void;
  #begunAtMs = performance.now();
  #resumed = Promise.withResolvers<void>();

  constructor({ backend, host, returns }: TurnRequest, onOver: (turn: CopyTurn) => void) {
    this.backend = backend;
    this.host = host;
    this.returns = returns;
    this.#onOver = onOver;
  }

  /** Aborted with a {@link TurnEndedError} when the copy must end. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** For how long the copy has run or been paused, in milliseconds. What arrives in a pause is read after it. */
  get ageMs(): number {
    return this.state === 'waiting' ? 0 : performance.now() - this.#begunAtMs;
  }

  /** Whether its origin is so slow that the copy may end for another one of its host. */
  get isSlow(): boolean {
    return this.ageMs >= JUDGED_AFTER_MS && (this.bytes * 1000) / this.ageMs < SLOW_BYTES_PER_SECOND;
  }

  run(): void {
    if (this.state === 'waiting') this.#begunAtMs = performance.now();
    this.#enter('running');
    this.#resumed.resolve();
  }

  pause(): void {
    this.wasPaused = true;
    this.#resumed = Promise.withResolvers<void>();
    this.#enter('paused');
  }

  /** Makes the copy end. */
  end(): void {
    this.#ended.abort(new TurnEndedError('others need the slot, and faster copies wait'));
    this[Symbol.dispose]();
  }

  /** Passes a body on, except while the copy is paused. Rejects with the reason of `signal` once that is aborted. */
  async *paced(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      this.bytes += chunk.length;
      if (this.state === 'paused') await orAborted(this.#resumed.promise, signal);
      yield chunk;
    }
  }

  /** Gives the slot back for good. */
  [Symbol.dispose](): void {
    if (this.state === 'over') return;
    this.#enter('over');
    this.#resumed.resolve();
    this.#onOver(this);
  }

  #enter(state: CopyTurn['state']): void {
    this.state = state;
    this.sinceMs = performance.now();
  }
}

/**
 * The host whose share of the slots a job counts towards, with its port if that is not the default one. A final dot of the
 * name makes no difference.
 */
export function slotHost({ url }: Pick<Job, 'url'>): string {
  return limitedHost(new URL(url)).replace(/:$/, '');
}
